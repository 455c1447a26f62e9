"""Frames: the upright pixels of one photo, as one reading turned it and as another does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_TURNS = np.array(
    [
        [[1, 0], [0, 1]],
        [[1, 0], [0, 1]],
        [[-1, 0], [0, 1]],
        [[-1, 0], [0, -1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [1, 0]],
        [[0, -1], [-1, 0]],
        [[0, 1], [-1, 0]],
    ]
)
"""From places in the stored pixels, seen from their middle (x to the right, y down), to those in
the upright ones, for each EXIF orientation; 0, which was not read, is taken for 1."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The sizes (N x 2, width and height, upright) and EXIF orientations (N) of N photos."""

    sizes: Integers
    orientations: Integers


def moved_boxes(boxes: Floats, before: Frames, after: Frames) -> Floats:
    """N boxes (left, top, width, height) of N photos in other frames of the same bytes.

    Boxes of photos whose size is 0, since it was not read, stay as they are.
    """
    turn = _TURNS[after.orientations] @ _TURNS[before.orientations].transpose(0, 2, 1)
    read = (before.sizes > 0).all(axis=1) & (after.sizes > 0).all(axis=1)
    old, new = (np.where(read.reshape(-1, 1), f.sizes, 1.0) for f in (before, after))
    corner, side = boxes[:, :2].astype(float), boxes[:, 2:].astype(float)
    middle = (corner + side / 2) / old - 0.5
    middle = (np.einsum("nij,nj->ni", turn, middle) + 0.5) * new
    side = np.einsum("nij,nj->ni", np.abs(turn), side / old) * new
    moved = np.concatenate([middle - side / 2, side], axis=1)
    return np.where(read.reshape(-1, 1), moved, boxes).astype(np.float32)
