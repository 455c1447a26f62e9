"""Frames: the upright pixels of one photo, as one reading turned it and as another does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Box4 = tuple[float, float, float, float]
"""Left, top, width and height of a box, in pixels."""

_TURNS = (
    *((1, 0, 0, 1), (1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1)),
    *((0, 1, 1, 0), (0, -1, 1, 0), (0, -1, -1, 0), (0, 1, -1, 0)),
)
"""From places in the stored pixels, seen from their middle (x to the right, y down), to those in
the upright ones, for each EXIF orientation: a matrix, row by row; 0 is taken for 1."""


class Frame(NamedTuple):
    """The size of an upright photo, and the EXIF orientation by which it was turned."""

    width: int
    height: int
    orientation: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Frame:
        """The frame in a row of the table of photos; 0 for what is not known."""
        return cls(*(row[name] or 0 for name in cls._fields))

    def turned(self, orientation: int) -> Frame:
        """The frame of the same photo, turned by another orientation."""
        across = (orientation > _LAST_UPRIGHT) != (self.orientation > _LAST_UPRIGHT)
        sides = self[1::-1] if across else self[:2]
        return Frame(*sides, orientation)

    def sized(self, photo: Frame) -> Frame:
        """The same turn with the size of the photo, whose frame is ``photo``, where it has none.

        A box that was drawn before its photo was known has an orientation at most; without one it
        was drawn in the photo's own frame.
        """
        if 0 not in self[:2]:
            return self
        return photo.turned(self.orientation) if self.orientation else photo


_LAST_UPRIGHT = 4
"""Orientations above it turn a photo on its side."""

UNKNOWN = Frame(0, 0, 0)


def moved_box(box: Box4, before: Frame, after: Frame) -> Box4:
    """A box in another frame of the same bytes; as it is where a frame is not known."""
    if before == after or 0 in before[:2] or 0 in after[:2]:
        return box
    across = (box[0] + box[2] / 2) / before.width - 0.5
    down = (box[1] + box[3] / 2) / before.height - 0.5
    wide, high = box[2] / before.width, box[3] / before.height
    a, b, c, d = _TURNS[before.orientation]
    across, down = a * across + c * down, b * across + d * down  # back: the transposed matrix
    wide, high = abs(a) * wide + abs(c) * high, abs(b) * wide + abs(d) * high
    a, b, c, d = _TURNS[after.orientation]
    across, down = a * across + b * down, c * across + d * down
    wide, high = abs(a) * wide + abs(b) * high, abs(c) * wide + abs(d) * high
    width, height = wide * after.width, high * after.height
    left = (across + 0.5) * after.width - width / 2
    return left, (down + 0.5) * after.height - height / 2, width, height
