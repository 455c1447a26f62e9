"""Images at the scales of passes, and faces carried from one scale to another."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from workers.images.align import rescaled
from workers.models.base import Detections, Floats, Image


class Sizes:
    """An image at any scale: halved as often as that goes, by area averaging, the rest bilinear.

    A JPEG that was decoded at 1/2 or 1/4 so gives what the whole one gives. What is left is less
    than a factor of two, where each pixel still counts: area averaging finds no more faces and
    takes seven times as long. Each half is made once, for all passes.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self._halves = [image]

    def at(self, scale: float) -> Image:
        """Scale the image."""
        height, width = self.image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        times = halvings(self.image, scale)
        while len(self._halves) <= times:
            self._halves.append(_halved(self._halves[-1]))
        image = self._halves[times]
        if size == image.shape[1::-1]:
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def halvings(image: Image, scale: float) -> int:
    """Number of times that an image is halved on its way to ``scale``."""
    side, shorter = image.shape[1], min(image.shape[:2])
    wanted, times = max(1, round(side * scale)), 0
    while shorter > 1 and side >= 2 * wanted:
        side, shorter, times = -(-side // 2), -(-shorter // 2), times + 1
    return times


def _halved(image: Image) -> Image:
    """Halve an image; an odd last row or column counts twice, as in a JPEG decoded at 1/2.

    OpenCV averages two by two pixels ten times as fast as nearly two by two.
    """
    down, right = (side // 2 for side in image.shape[:2])
    small = np.empty((-(-image.shape[0] // 2), -(-image.shape[1] // 2), 3), np.uint8)
    even = image[: 2 * down, : 2 * right]
    cv2.resize(even, (right, down), small[:down, :right], interpolation=cv2.INTER_AREA)
    if image.shape[1] % 2:
        small[:, -1:] = _halved(np.repeat(image[:, -1:], 2, axis=1))
    if image.shape[0] % 2:
        small[-1:] = _halved(np.repeat(image[-1:], 2, axis=0))
    return small


def scaled(faces: Detections, factor: float | Floats) -> Detections:
    """Scale faces by ``factor`` (one for both axes, or one for each)."""
    by = np.broadcast_to(np.asarray(factor, np.float32), 2)
    corners, sizes = rescaled(faces.boxes[:, :2], by), faces.boxes[:, 2:] * by
    return Detections(
        np.concatenate([corners, sizes], axis=1), rescaled(faces.landmarks, by), faces.scores
    )


def shifted(faces: Detections, x: float, y: float) -> Detections:
    """Move faces to the right and down."""
    by = np.array([x, y], np.float32)
    boxes = faces.boxes.copy()
    boxes[:, :2] += by
    return replace(faces, boxes=boxes, landmarks=faces.landmarks + by)


def up_to(faces: Detections, height: float) -> Detections:
    """Select the faces that are no higher than this."""
    return faces.where(faces.boxes[:, 3] <= height)
