"""A closer look at faces that one pass alone is sure of: their landmarks are averaged in.

A detector's landmarks are off by some hundredths of the face, differently at each size, in each
turn and in the mirror. Their mean is nearer to the truth than the best of them. A face that several
passes are sure of has that mean already; one of a small photo, which has one pass, does not. It is
shown to the detector once more: level, at the size at which landmarks get exact, beside its mirror
image. Further views at other sizes and turns bring next to nothing more (docs/finding.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.faces.merging import Found
from workers.images.align import inverted, level_view
from workers.models.base import Detections, Detector, Floats, Image

ROOM, STEP = 1.5, 32
"""Side of a view, in heights of the face, and what it is a multiple of: detectors pad to that."""
MOST_ENLARGED = 4 / 3
"""Largest factor by which a view enlarges a face: of a smaller face it would show nothing more."""
MOST = 500
"""Faces of a photo that are looked at, the best first: each costs a millisecond."""
NEAR = 0.25
"""Largest distance of the face from the middle of its view, in parts of the view's side."""
MIRRORED = [1, 0, 2, 4, 3]
"""Landmarks of a mirrored face in the order of the face itself: left and right change places."""


def look_closer(image: Image, found: Found, detector: Detector) -> Found:
    """Average landmarks of two views into those of faces that one pass alone is sure of.

    ``found`` is in pixels of ``image``.
    """
    if not detector.scores.closer:
        return found
    landmarks = found.faces.landmarks.copy()
    smallest = detector.scores.exact_from / MOST_ENLARGED
    alone = (found.sure == 1) & (found.faces.boxes[:, 3] >= smallest)
    for row in np.flatnonzero(alone)[:MOST]:
        seen = _seen(image, landmarks[row], detector)
        landmarks[row] = np.mean([landmarks[row], *seen], axis=0)
    return replace(found, faces=replace(found.faces, landmarks=landmarks))


def _seen(image: Image, landmarks: Floats, detector: Detector) -> list[Floats]:
    """Landmarks of one face (5 x 2), in pixels of the image, by each view that shows it surely."""
    height = detector.scores.exact_from
    side = STEP * round(ROOM * height / STEP)
    view, transform = level_view(image, landmarks, side, height)
    faces = detector.detect(np.concatenate([view, view[:, ::-1]], axis=1))
    faces = faces.where(faces.scores >= detector.scores.agreed)
    plain, mirrored = _central(faces, 0, side), _central(faces, side, side)
    if mirrored is not None:
        mirrored = mirrored[MIRRORED] * (-1, 1) + (side - 1, 0)
    back = inverted(transform[:, :2]).T
    seen = [points for points in (plain, mirrored) if points is not None]
    return [np.asarray((points - transform[:, 2]) @ back, np.float32) for points in seen]


def _central(faces: Detections, left: int, side: int) -> Floats | None:
    """Landmarks (5 x 2), in pixels of a view, of the face in its middle; None without one."""
    if not len(faces):
        return None
    middles = faces.boxes[:, :2] + faces.boxes[:, 2:] / 2 - (left, 0)
    away = np.linalg.norm(middles - side / 2, axis=1)
    nearest = int(away.argmin())
    return faces.landmarks[nearest] - (left, 0) if away[nearest] <= NEAR * side else None
