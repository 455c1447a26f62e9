"""Geometry of detectors: anchors, non-maximum suppression, scaling. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.models.base import Detections, Floats, Image


def cell_corners(height: int, width: int, stride: int, anchors: int = 1) -> Floats:
    """The x, y of each cell of a feature map, row by row, each ``anchors`` times: M x 2."""
    rows, columns = np.mgrid[: height // stride, : width // stride]
    corners = np.stack([columns, rows], axis=-1).reshape(-1, 2) * stride
    return np.repeat(corners, anchors, axis=0).astype(np.float32)


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


def merged(parts: Sequence[Detections], overlap: float) -> Detections:
    """The faces of several passes over one image, each once, best first.

    What has no finite place, or no extent, is no face: no crop can be made of it.
    """
    boxes = np.concatenate([part.boxes for part in parts])
    landmarks = np.concatenate([part.landmarks for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    numbers = np.concatenate([boxes, landmarks.reshape(-1, 10), scores[:, None]], axis=1)
    real = np.flatnonzero(np.isfinite(numbers).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1))
    if not len(real):
        return Detections.none()
    kept = real[suppress(boxes[real], scores[real], overlap)]
    return Detections(boxes[kept], landmarks[kept], scores[kept])


def shrunk(image: Image, scale: float) -> Image:
    """The image at ``scale`` <= 1, by area averaging."""
    if scale >= 1:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def padded(image: Image, height: int, width: int) -> Image:
    """The image in the upper left corner of a black one of this size."""
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas


def to_blob(image: Image, *, mean: float = 0.0, scale: float = 1.0, bgr: bool = False) -> Floats:
    """1 x 3 x H x W, ``(value - mean) * scale``."""
    blob = cv2.dnn.blobFromImage(image, scale, mean=(mean, mean, mean), swapRB=bgr)
    return np.asarray(blob, np.float32)
