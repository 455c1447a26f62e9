"""Which way up a photo lies, told by its faces.

Networks see upright faces best. In a photo that lies on its side or upside down they still find
faces, with lower scores, and with landmarks that stand upright or show the turn. So a photo with
sure upright faces is upright. Where there is doubt, a small copy of it is searched in all four
turns, and the turn that shows the faces best must win clearly. All turns are counted in quarters
anticlockwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.faces.scales import Sizes
from workers.faces.tiles import detect_at
from workers.images.turns import rotated
from workers.models.base import Detections, Detector, Floats, Image

UPRIGHT_ROLL = 50.0
"""Largest roll of an upright face, in degrees: 45, and what landmarks are off."""
SHARPER = 12
"""Power of a score that makes a face's weight: a face that lies on its side has 0.9 times the
score of the same face upright, and false finds have half of it."""
SURE_SHARE = 0.25
"""Least share of all faces' weight that sure upright faces have in a photo that needs no look."""
CLEAR = 0.2
"""Part of its weight by which the best turn must be ahead of the photo as it lies."""
SMALLEST_LOOK, LARGEST_LOOK = 128, 640
"""Long sides, in pixels, of the small copy that is searched in all turns."""
FACES, LOOK_HEIGHT = 3, 64.0
"""The copy's scale gives the median of so many best faces this height, in pixels: there, upright
faces and others differ most in their scores, and it costs little."""


def quarters_to_upright(image: Image, faces: Detections, detector: Detector) -> int:
    """Turn that puts an image upright, by the ``faces`` that were found in it as it lies; 0..3."""
    if not len(faces) or _surely_upright(faces, detector):
        return 0
    sizes = Sizes(image)
    small = sizes.at(_look_scale(image, faces, detector))
    seen = detect_at(Sizes(small), 1.0, detector)
    if _surely_upright(seen, detector):
        return 0
    turned = (detect_at(Sizes(rotated(small, turn)), 1.0, detector) for turn in (1, 2, 3))
    weights = [float(upright_weights(found).sum()) for found in (seen, *turned)]
    best = int(np.argmax(weights))
    return best if weights[0] < (1 - CLEAR) * weights[best] else 0


def upright_weights(faces: Detections) -> Floats:
    """Weight of each of N faces as a witness that the image is upright; 0 for one that lies."""
    return np.asarray(np.where(_stands(faces), faces.scores**SHARPER, 0), np.float32)


def rolls(landmarks: Floats) -> Floats:
    """Roll of each of N faces in degrees, -180 to 180: the way from its eyes to its mouth."""
    down = landmarks[:, 3:].mean(axis=1) - landmarks[:, :2].mean(axis=1)
    return np.asarray(np.degrees(np.arctan2(-down[:, 0], down[:, 1])), np.float32)


def _stands(faces: Detections) -> NDArray[np.bool_]:
    return np.asarray(np.abs(rolls(faces.landmarks)) <= UPRIGHT_ROLL)


def _surely_upright(faces: Detections, detector: Detector) -> bool:
    """Whether faces that only an upright image shows have enough of all faces' weight."""
    sure = (faces.scores >= detector.scores.upright) & _stands(faces)
    weights = faces.scores**SHARPER
    return bool(sure.any() and weights[sure].sum() >= SURE_SHARE * weights.sum())


def _look_scale(image: Image, faces: Detections, detector: Detector) -> float:
    """Scale at which the best faces have the height of the look, or are nearest to it."""
    longest = max(image.shape[:2])
    height = float(np.median(faces.boxes[:FACES, 3]))
    wanted = LOOK_HEIGHT / max(height, 1.0)
    largest = min(LARGEST_LOOK, detector.largest or LARGEST_LOOK)
    return float(np.clip(wanted, min(SMALLEST_LOOK, longest) / longest, largest / longest))
