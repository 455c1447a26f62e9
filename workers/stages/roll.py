"""The roll call of a job: what became of everybody who was expected."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa

from headcount.rosters.read import Roster
from workers.identity.apply_answers import Answers
from workers.identity.candidates import Search, UnclaimedFaces
from workers.identity.roll_call import RollCall
from workers.identity.roster_names import RosterRule, name_expected, with_names
from workers.matching.calibration import evidence_at
from workers.matching.likeness import Likeness
from workers.people.gallery import Gallery
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables

_PHOTOS = ("photo", "outcome", "reason")


def call_roll(
    unit: Unit,
    faces: pa.Table,
    likeness: Likeness,
    *,
    roster: Roster,
    answers: Answers,
    threshold: float,
) -> tuple[pa.Table, pa.Table]:
    """The faces, with the names that only the roster gives; the table of expectations."""
    tables, gallery = job_tables(unit), likeness.gallery
    photos = tables.photos.read(_PHOTOS, where=tables.of_collection).sort_by("photo")
    roll = RollCall.of(roster.lines, photos, unit.spec.expected or "the roster")

    def search() -> Search:
        ids = pa.array(gallery.person_ids, pa.string())
        unclaimed = UnclaimedFaces.of(faces, ids, answers.against(faces))
        return Search(unclaimed, likeness, ids, threshold, unit.figures.margin)

    rule = roster_rule(unit, threshold)
    if rule is not None:
        faces = _with_expected_names(faces, roll, search(), rule, gallery=gallery, answers=answers)
    enrolled = dict(zip(gallery.person_ids, gallery.names, strict=True))
    return faces, roll.table(photos, faces, search(), enrolled)


def roster_rule(unit: Unit, threshold: float) -> RosterRule | None:
    """The rule for names that only a roster gives; None where the pack was never measured."""
    pack = unit.figures
    if not pack.fmr:
        return None
    return RosterRule(
        partial(evidence_at, points=pack.fmr, cosine_per_decade=pack.cosine_per_decade),
        unit.spec.false_positives,
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
