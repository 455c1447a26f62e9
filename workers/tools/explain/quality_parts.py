"""The quality of a face in its parts: how much each of them takes away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headcount.contract.vocabulary import BY_HAND
from workers.faces.quality import (
    FULL_SIZE,
    INSIDE_WEIGHT,
    MINIMUM_HEIGHT,
    MINIMUM_QUALITY,
    SMALLEST,
    WEIGHTS,
)

WORDS = {
    "size": "small",
    "sharpness": "without fine structure (blurred or enlarged)",
    "pose": "turned away",
    "score": "hardly like a face to the detector",
    "certainty": "of little certainty to the recogniser",
    "outside": "cut off by the edge of the photo",
}
"""A face in words, by the part that takes most away."""


def quality_parts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The quality of a face's row: its parts, each with its value, weight and factor.

    The quality is the product of the factors; the one that is least took most away. Parts that an
    earlier build did not store are left out, and then the product is not the quality.
    """
    values = {name: value for name, value in _values(row).items() if value is not None}
    total = sum(WEIGHTS[name] for name in values)
    parts = [
        {"part": n, "value": v, "weight": WEIGHTS[n], "factor": max(v, 0.0) ** (WEIGHTS[n] / total)}
        for n, v in values.items()
    ]
    outside = row["outside"] or 0.0
    inside = (1 - outside) ** (INSIDE_WEIGHT / sum(WEIGHTS.values()))
    parts.append({"part": "outside", "value": outside, "weight": INSIDE_WEIGHT, "factor": inside})
    return {
        "quality": row["quality"],
        "at_least": MINIMUM_QUALITY,
        "height": row["h"],
        "height_at_least": MINIMUM_HEIGHT,
        "usable": bool(row["usable"]),
        "parts": sorted(parts, key=lambda part: float(str(part["factor"]))),
    }


def pulled_down_by(found: Mapping[str, Any]) -> str:
    """The part that takes most of a quality away, in words."""
    return WORDS[found["parts"][0]["part"]]


def _values(row: Mapping[str, Any]) -> dict[str, float | None]:
    """The parts of a face's row, null where they were not measured or do not count."""
    size = (row["h"] - SMALLEST) / (FULL_SIZE - SMALLEST)
    return {
        "size": min(max(size, 0.0), 1.0),
        "sharpness": row["sharpness"],
        "pose": row["pose"],
        "score": None if row["pass"] == BY_HAND else row["detection_score"],
        "certainty": row["certainty"],
    }
