"""Geometry of detectors: anchors, non-maximum suppression, padding. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.models.base import Detections, Floats, Image


def corners_of(cells: NDArray[np.intp], width: int, stride: int, anchors: int = 1) -> Floats:
    """Upper left corners, x and y, of some cells of a feature map: N x 2, in pixels of the input.

    Cells are numbered row by row, each ``anchors`` times; ``width`` is that of the input.
    """
    rows, columns = np.divmod(cells // anchors, width // stride)
    return np.stack([columns, rows], axis=-1).astype(np.float32) * np.float32(stride)


@dataclass(frozen=True, slots=True)
class Cells:
    """N cells of one feature map that may be faces, in the network's own numbers.

    ``scores`` N, ``boxes`` N x 4, ``points`` N x 10, and their ``numbers`` in the map.
    """

    scores: Floats
    boxes: Floats
    points: Floats
    numbers: NDArray[np.intp]


def suppress(boxes: Floats, scores: Floats, overlap: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: the kept rows, best first.

    ``boxes`` is N x 4 (left, top, width, height); of two whose intersection over union is above
    ``overlap`` the better stays.
    """
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    areas = boxes[:, 2] * boxes[:, 3]
    order = np.lexsort((top, left, -scores))
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        union = np.maximum(areas[best] + areas[rest] - shared, 1e-9)
        order = rest[shared / union <= overlap]
    return np.array(kept, np.intp)


@dataclass(frozen=True, slots=True)
class DetectionsByPart:
    """Faces of several parts of an image, or passes over it, and the number of each one's part."""

    faces: Detections
    part: NDArray[np.intp]


def valid_detections(parts: Sequence[Detections]) -> DetectionsByPart:
    """Join the faces of several parts.

    A face without a finite place or an extent is left out: no crop can be made of it.
    """
    boxes = np.concatenate([part.boxes for part in parts])
    landmarks = np.concatenate([part.landmarks for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    numbers = np.concatenate([boxes, landmarks.reshape(-1, 10), scores[:, None]], axis=1)
    real = np.isfinite(numbers).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    part = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return DetectionsByPart(Detections(boxes[real], landmarks[real], scores[real]), part[real])


def merged(parts: Sequence[Detections], overlap: float) -> Detections:
    """Merge the faces of several parts of one image: each once, best first."""
    faces = valid_detections(parts).faces
    return faces.where(suppress(faces.boxes, faces.scores, overlap))


def overlaps(some: Floats, others: Floats) -> Floats:
    """Intersection over union of each of N boxes with each of M: N x M."""
    one, other = some[:, None], others[None]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    union = one[..., 2:].prod(axis=-1) + other[..., 2:].prod(axis=-1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def filled(side: int, multiple: int) -> int:
    """The least multiple that is no shorter than a side."""
    return -(-side // multiple) * multiple


def padded(image: Image, height: int, width: int) -> Image:
    """Pad an image to the right and below with black, to this size."""
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas
