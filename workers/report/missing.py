"""Everybody who was expected and is not met: their rows, and the faces that are shown of some."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.rosters.read import EVERY
from headcount.rosters.statuses import Status, count_statuses
from workers.report.view import ABSENCES, ShownMissing
from workers.tables.columns import isin

PICTURES_SHOWN = 200
"""Nearest faces that are shown beside a reference: a picture of each is part of the page."""

_MET = (Status.PRESENT, Status.INFERRED)


def missing_view(expected: pa.Table) -> ShownMissing | None:
    """The rows of EXPECTED that are not met, still without pictures; None without a roster."""
    if not expected.num_rows:
        return None
    unmet = expected.filter(pc.invert(isin(expected["status"], _MET)))
    return ShownMissing(unmet.combine_chunks(), count_statuses(expected))


def missing_by_photo(expected: pa.Table) -> dict[str, tuple[str, ...]]:
    """Names of the people who were expected in a photo and are absent, by photo.

    Left out are photos that could not be read or are not there, people who are not enrolled, and
    those who were expected in some photo of many.
    """
    absent = isin(expected["status"], ABSENCES)
    rows = expected.filter(pc.and_(absent, pc.equal(expected["needed"], EVERY)))
    missing: dict[str, dict[str, None]] = {}
    for photo, person in zip(
        *(rows[name].to_pylist() for name in ("photo", "person")), strict=True
    ):
        missing.setdefault(photo, {})[person] = None
    return {photo: tuple(people) for photo, people in missing.items()}


def choose_nearest(rows: pa.Table, limit: int = PICTURES_SHOWN) -> list[dict[str, Any]]:
    """Choose the ``limit`` rows whose nearest face is most likely the person after all.

    Near misses come first, then the most similar.
    """
    absent = isin(rows["status"], ABSENCES)
    rows = rows.filter(
        pc.and_(absent, pc.and_(rows["face_id"].is_valid(), rows["photo"].is_valid()))
    )
    ranked = rows.append_column("near", pc.equal(rows["status"], Status.NEAR_MISS))
    order = [("near", "descending"), ("similarity", "descending")]
    ties = [("person", "ascending"), ("photo", "ascending")]
    chosen: list[dict[str, Any]] = ranked.sort_by(order + ties)[:limit].to_pylist()
    return chosen
