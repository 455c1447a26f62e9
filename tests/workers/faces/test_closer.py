"""A closer look at faces of small photos, whose landmarks one pass alone has seen."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest

from tests.workers.faces.test_detection import SCORES
from workers.faces.closer import look_closer
from workers.faces.merging import Found
from workers.images.align import TEMPLATE
from workers.models.base import Detections, Image, Scores

SIDE = 96
"""Of a view, of which a face takes 64 pixels: these are enough for these detectors."""
FACE = TEMPLATE + np.float32([100, 60])
"""Landmarks of an upright face, 112 pixels high."""


@dataclass
class Marks:
    """A detector of faces that are five coloured discs, in each half of a picture of two views.

    ``off`` is what its landmarks are wrong by: like a network's errors, it stays on one side of
    what is shown, mirrored or not.
    """

    off: tuple[float, float] = (0, 0)
    score: float = 0.9
    moved: float = 0.0
    scores: Scores = SCORES
    largest: int | None = None
    seen: list[Image] = field(default_factory=list)

    def detect(self, image: Image) -> Detections:
        self.seen.append(image)
        points = np.float32([self._face(image, left) for left in (0, SIDE)])
        boxes = [[*(marks.mean(axis=0) - 32 + self.moved), 64, 64] for marks in points]
        scores = np.full(len(points), self.score, np.float32)
        return Detections(np.float32(boxes), points + np.float32(self.off), scores)

    def _face(self, image: Image, left: int) -> np.ndarray:
        view = image[:, left : left + SIDE]
        points = np.float32([_disc(view, number) for number in range(5)]) + np.float32([left, 0])
        # the left eye of a mirrored face is the one on the left
        return points if points[0, 0] < points[1, 0] else points[[1, 0, 2, 4, 3]]


def _disc(image: Image, number: int) -> tuple[float, float]:
    """The middle of a disc: it is red, with 50 times its number of green."""
    red, green = image[:, :, 0].astype(int), image[:, :, 1].astype(int)
    rows, columns = np.nonzero((red > 240) & (np.abs(green - 50 * number) < 12))
    return float(columns.mean()), float(rows.mean())


def face(landmarks: np.ndarray = FACE) -> Image:
    image = np.zeros((300, 320, 3), np.uint8)
    for number, point in enumerate(landmarks):
        cv2.circle(image, [round(float(v)) for v in point], 6, (255, 50 * number, 0), -1)
    return image


def found(landmarks: np.ndarray, sure: int = 1, height: float = 112) -> Found:
    box = np.float32([[*landmarks.min(axis=0), height, height]])
    faces = Detections(box, landmarks[None].astype(np.float32), np.float32([0.9]))
    return Found(faces, ("640",), np.array([sure]))


def test_landmarks_of_two_views_are_averaged_in_and_the_mirror_undoes_what_leans_aside() -> None:
    seen = look_closer(face(), found(FACE + np.float32([6, 0])), Marks(off=(3, 0)))
    # a third of the first error of 6; those of the view and of its mirror have opposite signs
    assert seen.faces.landmarks[0] == pytest.approx(FACE + np.float32([2, 0]), abs=0.6)


@pytest.mark.parametrize("degrees", [-40, 25])
def test_a_tilted_face_is_shown_level(degrees: int) -> None:
    turn = cv2.getRotationMatrix2D((156, 130), degrees, 1.3)
    tilted = np.float32(FACE @ turn[:, :2].T + turn[:, 2])
    detector = Marks()
    seen = look_closer(face(tilted), found(tilted), detector)
    assert [views.shape for views in detector.seen] == [(SIDE, 2 * SIDE, 3)]
    eyes = [_disc(detector.seen[0][:, :SIDE], number) for number in (0, 1)]
    assert eyes[0][1] == pytest.approx(eyes[1][1], abs=1)
    assert seen.faces.landmarks[0] == pytest.approx(tilted, abs=1)


@pytest.mark.parametrize(
    ("changed", "detector"),
    [
        ({"sure": 2}, Marks(off=(9, 0))),
        ({"height": 30}, Marks(off=(9, 0))),
        ({}, Marks(off=(9, 0), score=0.45)),
        ({}, Marks(off=(9, 0), moved=50)),
        ({}, Marks(off=(9, 0), scores=replace(SCORES, closer=False))),
    ],
    ids=["seen by two passes", "small", "not sure", "another face", "exact without"],
)
def test_landmarks_stay_where_views_tell_nothing_more(
    changed: dict[str, float], detector: Marks
) -> None:
    marks = FACE + np.float32([6, 0])
    seen = look_closer(face(), found(marks, **changed), detector)  # type: ignore[arg-type]
    assert seen.faces.landmarks[0] == pytest.approx(marks, abs=1e-4)


def test_nothing_is_looked_at_where_nobody_is() -> None:
    detector = Marks()
    assert not len(look_closer(face(), Found(Detections.none()), detector))
    assert not detector.seen
