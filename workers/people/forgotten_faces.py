"""Dropping the faces of forgotten people as they are detected."""

from __future__ import annotations

from collections.abc import Sequence

from headcount.contract.forgotten import Box4
from headcount.decisions import SAME_PLACE, overlap
from workers.faces.analysis import Analysis


def without_forgotten(analysis: Analysis, places: Sequence[Box4]) -> Analysis:
    """Drop the faces at forgotten places from an analysis; the others keep their ids."""
    if not places:
        return analysis
    kept = [
        number
        for number, (x, y, w, h) in enumerate(analysis.boxes.tolist())
        if all(overlap((x, y, w, h), place) < SAME_PLACE for place in places)
    ]
    return analysis.where(kept)
