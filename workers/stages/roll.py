"""The roll call of a job: what became of everybody who was expected."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.record import read_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import ShardManifest
from headcount.rosters.read import Roster
from headcount.rosters.statuses import LEFT, with_accepted
from workers.identity.apply_answers import Answers
from workers.identity.candidates import Search, UnclaimedFaces
from workers.identity.roll_call import RollCall
from workers.identity.roster_names import RosterRule, name_expected, with_names
from workers.matching.calibration import evidence_at
from workers.matching.likeness import Likeness
from workers.people.gallery import Gallery
from workers.runtime.unit import Unit
from workers.stages.first_look import FirstLook
from workers.stages.job_tables import job_tables
from workers.stages.left import find_left
from workers.tables.columns import as_bool, isin, one_array

_PHOTOS = ("photo", "outcome", "reason")


def call_roll(
    unit: Unit,
    faces: pa.Table,
    likeness: Likeness,
    *,
    roster: Roster,
    answers: Answers,
    threshold: float,
    look: FirstLook | None = None,
) -> tuple[pa.Table, pa.Table]:
    """The faces, with the names that only the roster gives; the table of expectations.

    In a first look the names are given in all photos, and the table is of the drawn ones.
    """
    tables, gallery = job_tables(unit), likeness.gallery
    photos = tables.photos.read(_PHOTOS, where=tables.of_collection)
    if roster.lines:
        photos = _with_left(unit, photos)
    photos = photos.sort_by("photo")
    source = unit.spec.expected or "the roster"
    roll = RollCall.of(roster.lines, photos, source)

    is_face = ~as_bool(isin(faces["face_id"], answers.claims.not_faces))

    def search(inside: NDArray[np.bool_] | None = None) -> Search:
        ids = pa.array(gallery.person_ids, pa.string())
        judged = is_face if inside is None else is_face & inside
        unclaimed = UnclaimedFaces.of(faces, ids, answers.against(faces), judged)
        return Search(unclaimed, likeness, ids, threshold, unit.figures.margin)

    rule = roster_rule(unit, threshold)
    if rule is not None:
        faces = _with_expected_names(faces, roll, search(), rule, gallery=gallery, answers=answers)
    enrolled = dict(zip(gallery.person_ids, gallery.names, strict=True))
    if look is None:
        real = faces.filter(pa.array(is_face))
        expected = roll.table(photos, real, search(), enrolled)
        return faces, with_accepted(expected, answers.accepted)
    drawn = look.of_drawn(photos)
    roll = RollCall.of(roster.lines, drawn, source)
    real = look.of_drawn(faces.filter(pa.array(is_face)))
    expected = roll.table(drawn, real, search(look.mask(faces)), enrolled)
    return faces, with_accepted(look.sayable(expected, roll.scopes), answers.accepted)


def _with_left(unit: Unit, photos: pa.Table) -> pa.Table:
    """The photos, with those that a budget left to the next job: nothing is said of them yet."""
    found = find_left(unit.store, unit.job_id)
    if found is None:
        return photos
    keys, cut = found
    left = [
        photo.key
        for name in cut.units
        for photo in read_record(unit.store, keys.shard(name), ShardManifest).photos
    ]
    fresh = pa.array(left, pa.string())
    fresh = fresh.filter(pc.invert(pc.is_in(fresh, value_set=one_array(photos["photo"]))))
    said = [pa.array([text] * len(fresh), pa.string()) for text in (LEFT, None)]
    return pa.concat_tables([photos, pa.table([fresh, *said], schema=photos.schema)])


def roster_rule(unit: Unit, threshold: float) -> RosterRule | None:
    """The rule for names that only a roster gives; None where the pack was never measured."""
    return rule_of_pack(unit.figures, unit.spec.false_positives, threshold)


def rule_of_pack(pack: PackRecord, false_positives: float, threshold: float) -> RosterRule | None:
    """The same by a pack's figures, and by the share of strangers who may be given a name."""
    if not pack.fmr:
        return None
    return RosterRule(
        partial(evidence_at, points=pack.fmr, cosine_per_decade=pack.cosine_per_decade),
        false_positives,
        threshold,
        pack.margin,
        pack.calibration,
    )


def _with_expected_names(
    faces: pa.Table,
    roll: RollCall,
    search: Search,
    rule: RosterRule,
    *,
    gallery: Gallery,
    answers: Answers,
) -> pa.Table:
    """The faces, with the names that only the roster gives."""
    named = name_expected(
        faces,
        roll.expectations(),
        search,
        rule,
        references=np.diff(gallery.starts, append=len(gallery.photos)).astype(np.int64),
        spoken_for=answers.named,
    )
    names = pa.array(gallery.names, pa.string())
    return with_names(faces, named, search.person_ids, names) if named else faces
