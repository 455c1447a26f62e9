"""Landmarks of a face that a person drew a box around, where a search had missed it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from headcount.answers.drawn import DrawnFace
from headcount.contract.frames import Box4, Frame
from tests.workers.faces.test_analysis import PIXELS, RECORD, RedSquares, Remembering, photo
from tests.workers.pictures import encoded
from workers.faces.analysis import Analysis, analyse
from workers.faces.by_hand import HEIGHTS, QUARTERS, USUAL, locate, usual_landmarks
from workers.images.align import SIZE, TEMPLATE, crop_faces
from workers.models.base import Detections, Floats, Image, ModelPack, Scores

pytestmark = pytest.mark.usefixtures("no_closer_look")

SQUARE = (300, 200, 100)
BOX: Box4 = (300, 200, 100, 100)


@dataclass
class Views:
    """A detector that sees a face only in the view of this number, at the box's middle or beside.

    The face has the ``score``, and its box is ``wide`` times as wide as the drawn one's view of it.
    """

    view: int | None = 0
    score: float = 0.45
    wide: float = 1.0
    seen: list[tuple[int, ...]] = field(default_factory=list)

    scores = Scores(alone=0.6, agreed=0.5, support=0.4, sure=0.8, upright=0.7, exact_from=64)
    largest = None

    def detect(self, image: Image) -> Detections:
        number = len(self.seen)
        self.seen.append(image.shape)
        if number != self.view:
            return Detections.none()
        side = image.shape[0]
        size = np.float32(side / 3 * self.wide)
        left = np.float32(side / 2) - size / 2
        marks = (
            left + np.float32([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * size
        )
        box = np.float32([[left, left, size, size]])
        return Detections(box, marks[None], np.float32([self.score]))


def image() -> Image:
    return photo(800, 600, SQUARE)


def located(detector: Views, box: Box4 = BOX) -> tuple[Floats, float]:
    found = locate(image(), np.float32([box]), detector)
    assert found.passes == ("by hand",)
    np.testing.assert_array_equal(found.faces.boxes, np.float32([box]), "what was drawn is kept")
    return found.faces.landmarks[0], float(found.faces.scores[0])


def test_a_box_in_which_nothing_is_seen_gets_the_usual_landmarks_and_no_score() -> None:
    detector = Views(view=None)
    landmarks, score = located(detector)
    np.testing.assert_allclose(landmarks, np.float32([300, 200]) + USUAL * 100)
    assert score == 0
    assert len(detector.seen) == len(QUARTERS) * len(HEIGHTS)


def test_a_face_that_the_detector_is_unsure_of_counts_since_it_is_there() -> None:
    landmarks, score = located(Views(view=4))
    assert score == pytest.approx(0.45)
    assert np.abs(landmarks.mean(axis=0) - (350, 250)).max() < 15
    sure = Views(view=1, score=0.9)
    located(sure)
    assert len(sure.seen) == len(HEIGHTS) + 1, "no further turn: the closer look follows"


def test_what_shares_little_with_the_box_is_somebody_else() -> None:
    assert located(Views(wide=0.3))[1] == 0
    assert located(Views(wide=3))[1] == 0


def test_usual_landmarks_are_near_the_template_and_turn_with_the_face() -> None:
    box = np.float32([0, 0, 80, 100])
    crop = crop_faces(np.zeros((200, 200, 3), np.uint8), usual_landmarks(box)[None])
    assert crop.shape == (1, SIZE, SIZE, 3)
    upright = usual_landmarks(np.float32([0, 0, SIZE, SIZE]))
    assert np.abs(upright - upright.mean(0) - (TEMPLATE - TEMPLATE.mean(0))).max() < 12
    eyes, mouth = usual_landmarks(box, 1)[:2], usual_landmarks(box, 1)[3:]
    assert eyes[:, 0].min() > mouth[:, 0].max(), "a quarter clockwise: the eyes are on the right"
    upside_down = usual_landmarks(box, 2)
    assert upside_down[0, 1] > upside_down[3, 1]


# -- in the analysis of a photo -------------------------------------------------------------------

MISSED = (0.0, 100.0, 90.0, 90.0)
"""At the edge: RedSquares sees nothing there."""


def analysed(*boxes: Box4, max_faces: int = 100, squares: int = 2) -> tuple[Analysis, Remembering]:
    colours, asked = Remembering(), []
    places = [(300, 200, 100), (500, 200, 80)][:squares]

    def drawn(frame: Frame, seen: object) -> list[DrawnFace]:
        asked.append((frame, seen))
        x, y, w, h = 1, 2, 3, 4
        return [DrawnFace(box, (x + n, y, w, h)) for n, box in enumerate(boxes)]

    result = analyse(
        encoded(photo(800, 600, *places, (0, 100, 90)), "PNG"),
        ModelPack(RECORD, RedSquares(), colours),
        max_pixels=PIXELS,
        max_faces=max_faces,
        drawn=drawn,
    )
    [(frame, seen)] = asked
    assert frame == Frame(800, 600, 1)
    assert len(seen) == min(squares, max_faces)
    return result, colours


def test_drawn_faces_come_after_the_others_and_are_embedded_with_them() -> None:
    plain, _ = analysed()
    result, colours = analysed(MISSED)
    assert [len(crops) for crops in colours.crops] == [3], "one call"
    assert result.passes[-1] == "by hand"
    assert result.numbers == (0, 1, (1, 2, 3, 4))
    for name in ("boxes", "landmarks", "scores", "qualities", "embeddings", "usable"):
        np.testing.assert_array_equal(getattr(result, name)[:2], getattr(plain, name))
    np.testing.assert_array_equal(result.boxes[2], np.float32(MISSED))
    assert plain.numbers is None
    assert result.where([2]).numbers == ((1, 2, 3, 4),)


def test_a_drawn_face_is_judged_without_the_detectors_score() -> None:
    result, _ = analysed(MISSED)
    assert result.scores[2] == 0
    assert result.usable[2]
    assert result.qualities[2] > 0.4
    tiny, _ = analysed((300.0, 200.0, 15.0, 15.0))
    assert not tiny.usable[2], "too small to judge, whoever drew it"
    grey, _ = analysed((600.0, 400.0, 90.0, 90.0))
    assert not grey.usable[2], "a wall has no structure"


def test_a_photo_without_a_face_has_those_that_were_drawn() -> None:
    result, _ = analysed(MISSED, squares=0)
    assert len(result) == 1
    assert result.numbers == ((1, 2, 3, 4),)


def test_the_cap_on_faces_drops_no_drawn_one() -> None:
    result, _ = analysed(MISSED, MISSED, max_faces=1)
    assert result.passes == (result.passes[0], "by hand", "by hand")
    assert result.numbers == (0, (1, 2, 3, 4), (2, 2, 3, 4))
    assert result.note == "only the best 1 of 2 faces were kept"
