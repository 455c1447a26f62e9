"""The roll call of a job: what became of everybody who was expected."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from headcount.rosters.read import Roster
from workers.identity.candidates import Search, UnclaimedFaces
from workers.identity.roll_call import RollCall
from workers.matching.likeness import Likeness
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables

_PHOTOS = ("photo", "outcome", "reason")


def call_roll(
    unit: Unit,
    faces: pa.Table,
    likeness: Likeness,
    *,
    roster: Roster,
    rejected: Collection[tuple[str, str]],
    threshold: float,
) -> tuple[pa.Table, pa.Table]:
    """The faces, with the names that only the roster gives; the table of expectations.

    ``rejected`` are pairs of a face and a person that it is never given the name of.
    """
    tables, gallery = job_tables(unit), likeness.gallery
    photos = tables.photos.read(_PHOTOS, where=tables.of_collection).sort_by("photo")
    roll = RollCall.of(roster.lines, photos, unit.spec.expected or "the roster")
    ids = pa.array(gallery.person_ids, pa.string())
    search = Search(
        UnclaimedFaces.of(faces, ids, rejected), likeness, ids, threshold, unit.figures.margin
    )
    enrolled = dict(zip(gallery.person_ids, gallery.names, strict=True))
    return faces, roll.table(photos, faces, search, enrolled)
