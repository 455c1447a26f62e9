"""A region of a photo, as a file says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Format = Literal["mwg", "mp", "iptc", "acdsee"]
Shares = tuple[float, float, float, float]
"""Left, top, width and height in shares of the stored picture's sides."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region. The box lies in the picture as it is stored, before its orientation is applied.

    ``box`` is None where the file gives none that has an area. ``type`` is in the file's words, as
    Face or Pet, empty where it has none; so is ``name``. ``people`` are further names that the
    region has of itself. ``applied_to`` are the width and height, in pixels, that the box was drawn
    on, where the file tells them.
    """

    format: Format
    box: Shares | None = None
    name: str = ""
    type: str = ""
    people: tuple[str, ...] = ()
    applied_to: tuple[int, int] | None = None


def number(text: str) -> float:
    """A number of a file; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def box_of(left: float, top: float, width: float, height: float) -> Shares | None:
    """A box, rounded to a millionth; None where it has no area or is no box."""
    sides = (left, top, width, height)
    if not all(math.isfinite(side) and abs(side) < 1e6 for side in sides):
        return None
    if width <= 0 or height <= 0:
        return None
    return (round(left, 6), round(top, 6), round(width, 6), round(height, 6))


def centred(numbers: Sequence[float]) -> Shares | None:
    """A box from its centre, width and height."""
    x, y, w, h = numbers
    return box_of(x - w / 2, y - h / 2, w, h)


def sides_of(width: str, height: str) -> tuple[int, int] | None:
    """Width and height in pixels; None where the file says none that are possible."""
    sides = number(width), number(height)
    if not all(1 <= side < 1e6 for side in sides):
        return None
    return int(sides[0]), int(sides[1])
