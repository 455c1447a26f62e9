"""Faces that a person drew: landmarks for a box in which the detector alone saw no face.

The detector is shown the box at several sizes, upright and turned, and is believed there from its
lowest score on: that there is a face is known. Where it sees none the landmarks are where a face
seen from the front has them in its box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headcount.answers.drawn import DrawnFace
from headcount.answers.record import overlap
from headcount.contract.frames import Box4, Frame
from headcount.contract.vocabulary import BY_HAND
from workers.faces.closer import look_closer
from workers.faces.merging import Found
from workers.images.align import inverted, level_view
from workers.models.base import Detections, Detector, Floats, Image

Drawn = Callable[[Frame, Sequence[Box4]], Sequence[DrawnFace]]
"""Faces that were drawn in a photo of this frame, besides those detected in these boxes."""

USUAL = np.array(
    [[0.255, 0.38], [0.745, 0.38], [0.5, 0.575], [0.29, 0.73], [0.71, 0.73]], np.float32
)
"""Landmarks in parts of a face's box: the mean of the sample photos' faces seen from the front
(deviation 0.03 down, 0.1 across), with their mirror images."""
QUARTERS = (0, 1, 3, 2)
"""Turns of the views, in quarters: upright first."""
HEIGHTS = (1.0, 1.5, 2.0, 0.5)
"""Heights of the box in a view, in units of those at which the detector's landmarks get exact.
Blurred faces are seen when small, and faces behind something when large. The more views, the more
exact their mean: docs/finding.md."""
ROOM, STEP = 3.0, 32
"""Side of a view, in heights of the box, and what it is a multiple of: detectors pad to that."""
SHARED = 0.3
"""Least overlap of a detection with the box for its landmarks to count. People draw heads, with the
hair, where detectors draw faces; somebody beside them shares less."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Landmarks (5 x 2) in pixels of the image, their exactness in 0..1, the detector's score."""

    landmarks: Floats
    score: float
    exact: float = 0.0


def locate(image: Image, boxes: Floats, detector: Detector) -> Found:
    """Faces in N x 4 boxes that were drawn, all in pixels of ``image``, in their order.

    Scores are those of the detector in the box, 0 where it sees no face.
    """
    seen = [_locate(image, box, detector) for box in boxes]
    sure = np.array([one.score >= detector.scores.agreed for one in seen], np.intp)
    found = Found(
        Detections(
            np.asarray(boxes, np.float32).reshape(-1, 4),
            np.array([one.landmarks for one in seen], np.float32).reshape(-1, 5, 2),
            np.array([one.score for one in seen], np.float32),
        ),
        (BY_HAND,) * len(seen),
        sure,
    )
    return look_closer(image, found, detector)


def usual_landmarks(box: Floats, quarters: int = 0) -> Floats:
    """Landmarks (5 x 2) of a face that fills a box, turned clockwise by quarters."""
    parts = USUAL - 0.5
    for _ in range(quarters):
        parts = np.stack([-parts[:, 1], parts[:, 0]], axis=1)
    return np.asarray(box[:2] + (parts + 0.5) * box[2:], np.float32)


def _locate(image: Image, box: Floats, detector: Detector) -> _Seen:
    """The face in a box by the turn in which the detector is surest of it."""
    best = _Seen(usual_landmarks(box), 0.0)
    for quarters in QUARTERS:
        seen = list(_views(image, box, quarters, detector))
        if seen and max(one.score for one in seen) > best.score:
            best = _merged(seen, detector)
        if best.score >= detector.scores.sure:
            break
    return best


def _merged(seen: Sequence[_Seen], detector: Detector) -> _Seen:
    """One face of several views: the mean of the landmarks of which the detector is sure enough.

    Errors of views differ, so that their mean is nearer to the truth than the best of them.
    """
    best = max(seen, key=lambda one: one.score)
    sure = [one for one in seen if one.score >= detector.scores.agreed] or [best]
    marks = np.average([one.landmarks for one in sure], axis=0, weights=[one.exact for one in sure])
    return _Seen(np.asarray(marks, np.float32), best.score)


def _views(image: Image, box: Floats, quarters: int, detector: Detector) -> Iterator[_Seen]:
    """Yield the best face that each view in one turn shows in the box."""
    for height in HEIGHTS:
        high = detector.scores.exact_from * height
        side = STEP * round(ROOM * high / STEP)
        view, transform = level_view(image, usual_landmarks(box, quarters), side, high)
        there = _box_in_view(box, transform)
        faces = detector.detect(view)
        shared = [overlap(there, (x, y, w, h)) for x, y, w, h in faces.boxes.tolist()]
        inside = np.flatnonzero(np.array(shared) >= SHARED)
        if len(inside):
            row = inside[0]  # they come best first
            back = inverted(transform[:, :2]).T
            points = (faces.landmarks[row] - transform[:, 2]) @ back
            exact = min(1.0, height) ** 2  # as in the mean over a search's passes
            yield _Seen(np.asarray(points, np.float32), float(faces.scores[row]), exact)


def _box_in_view(box: Floats, transform: NDArray[np.float64]) -> Box4:
    """The box around a box of the image in a view that ``transform`` leads to."""
    x, y, w, h = (float(side) for side in box)
    corners = np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]])
    there = corners @ transform[:, :2].T + transform[:, 2]
    (left, top), (right, bottom) = there.min(axis=0), there.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)
