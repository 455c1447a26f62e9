"""Detection in tiles: of images too large for one piece, and of details too small for one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from workers.faces.scales import Sizes, halvings, scaled, shifted
from workers.models.base import Detections, Detector, Image
from workers.models.detectors.boxes import suppress, valid_detections

OVERLAP = 0.4
"""Largest overlap (intersection over union) of two faces; beyond it the better one stays."""
LARGEST = 192.0
"""A pass looks for faces up to this height in its own pixels, unless it is the smallest one:
larger ones are its false alarms, and the next smaller pass sees them better."""
TILE_OVERLAP = 0.2
"""Overlap of tiles, in parts of their longest side; at most LARGEST pixels."""


def detect_at(sizes: Sizes, scale: float, detector: Detector) -> Detections:
    """Detect faces at ``scale``; boxes in pixels of the image given."""
    image, resized = sizes.image, sizes.at(scale)
    limit = detector.largest
    if limit and max(resized.shape[:2]) > limit:
        faces = detect_in_tiles(resized, detector, limit)
    else:
        faces = detector.detect(resized)
    # the exact factors of a resize that rounds to whole pixels
    step = 2 ** halvings(image, scale)
    factors = np.array(
        [-(-image.shape[axis] // step) * step / resized.shape[axis] for axis in (1, 0)], np.float32
    )
    return scaled(faces, factors)


def detect_in_tiles(image: Image, detector: Detector, edge: int) -> Detections:
    """Detect faces in evenly laid tiles of an image, with sides of at most ``edge``.

    Tiles overlap, so that a face up to the overlap's size lies whole in one of them; those that
    are cut by a tile's inner edge are left to the next.
    """
    parts = []
    for top, bottom in _spans(image.shape[0], edge):
        for left, right in _spans(image.shape[1], edge):
            faces = detector.detect(image[top:bottom, left:right])
            whole = _whole(faces, (left, top, right, bottom), image)
            parts.append(shifted(faces.where(whole), left, top))
    faces = valid_detections(parts).faces
    return faces.where(suppress(faces.boxes, faces.scores, OVERLAP))


def _spans(length: int, edge: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of as few tiles as cover one side, each as short as the overlap allows."""
    overlap = int(min(LARGEST, TILE_OVERLAP * edge))
    count = max(1, -(-(length - overlap) // (edge - overlap)))
    side = -(-(length + (count - 1) * overlap) // count)
    for start in np.linspace(0, length - side, count).astype(int).tolist():
        yield start, start + side


def _whole(faces: Detections, tile: tuple[int, int, int, int], image: Image) -> NDArray[np.bool_]:
    """Mask of the faces of a tile that touch none of its edges but those of the image."""
    left, top, right, bottom = tile
    x, y, w, h = faces.boxes.T
    return np.asarray(
        ((x > 0) | (left == 0))
        & ((y > 0) | (top == 0))
        & ((x + w < right - left) | (right == image.shape[1]))
        & ((y + h < bottom - top) | (bottom == image.shape[0]))
    )
