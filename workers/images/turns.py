"""Quarter turns of a picture, and the EXIF orientations that describe them.

Turns are counted in quarters anticlockwise, as numpy's rot90 counts them.
"""

from __future__ import annotations

import cv2
import numpy as np

from workers.models.base import Image

_CYCLES = ((1, 8, 3, 6), (2, 5, 4, 7))
"""EXIF orientations, each a quarter turn after the one before: plain ones, and mirrored ones."""
_REVERSED = ((1, 1), (1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1), (-1, 1), (-1, -1), (1, -1))
"""By EXIF orientation, 0 as 1: the way in which stored rows and columns run in an upright image,
after its transposition from 5 on."""
_ROTATIONS = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    2: cv2.ROTATE_180,
    3: cv2.ROTATE_90_CLOCKWISE,
}


def rotated(image: Image, quarters: int) -> Image:
    """Turn an image by quarters anticlockwise."""
    if not quarters % 4:
        return image
    return np.asarray(cv2.rotate(image, _ROTATIONS[quarters % 4]), np.uint8)


def turned_further(orientation: int, quarters: int) -> int:
    """The EXIF orientation that does what ``orientation`` does and then turns by quarters."""
    cycle = _cycle_of(orientation)
    return cycle[(cycle.index(orientation) + quarters) % 4]


def quarters_between(before: int, after: int) -> int:
    """Quarters by which ``after`` turns further than ``before``, two EXIF orientations.

    0 where no turn leads from one to the other: one of them is mirrored, or unknown (0).
    """
    cycle = _cycle_of(before)
    return (cycle.index(after) - cycle.index(before)) % 4 if after in cycle else 0


def _cycle_of(orientation: int) -> tuple[int, ...]:
    return _CYCLES[orientation in _CYCLES[1]]


def as_stored(image: Image, orientation: int) -> Image:
    """View of an upright image as it lies in its file; no pixel is copied."""
    stored = image.transpose(1, 0, 2) if orientation >= 5 else image
    rows, columns = _REVERSED[orientation]
    return stored[::rows, ::columns]
