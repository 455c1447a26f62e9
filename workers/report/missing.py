"""Everybody who was expected and is not met: their rows, and the faces that are shown of some."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.rosters.statuses import MISSING, SETTLED, Status, count_statuses
from workers.report.view import ShownMissing
from workers.tables.columns import isin

PICTURES_SHOWN = 200
"""Nearest faces that are shown beside a reference: a picture of each is part of the page."""


def missing_view(expected: pa.Table) -> ShownMissing | None:
    """The rows of EXPECTED that nothing settles, still without pictures; None without a roster."""
    if not expected.num_rows:
        return None
    unmet = expected.filter(pc.invert(isin(expected["status"], SETTLED)))
    return ShownMissing(unmet.combine_chunks(), count_statuses(expected))


def choose_nearest(rows: pa.Table, limit: int = PICTURES_SHOWN) -> list[dict[str, Any]]:
    """Choose the ``limit`` rows whose nearest face is most likely the person after all.

    Near misses come first, then the most similar.
    """
    absent = isin(rows["status"], MISSING)
    rows = rows.filter(
        pc.and_(absent, pc.and_(rows["face_id"].is_valid(), rows["photo"].is_valid()))
    )
    ranked = rows.append_column("near", pc.equal(rows["status"], Status.NEAR_MISS))
    order = [("near", "descending"), ("similarity", "descending")]
    ties = [("person", "ascending"), ("photo", "ascending")]
    chosen: list[dict[str, Any]] = ranked.sort_by(order + ties)[:limit].to_pylist()
    return chosen
