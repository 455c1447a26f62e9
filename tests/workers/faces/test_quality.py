import cv2
import numpy as np
import pytest

from tests.workers.pictures import noise
from workers.faces.quality import (
    MINIMUM_HEIGHT,
    MINIMUM_QUALITY,
    certainty,
    qualities,
    quality_parts,
    usable,
)
from workers.images.align import SIZE, TEMPLATE
from workers.models.base import Floats, Image

FRONT = TEMPLATE.copy()
FRONT[2, 0] = FRONT[:2, 0].mean()


def textured(blur: float = 0.0) -> Image:
    """A crop with fine structure, blurred by so many pixels."""
    image = cv2.GaussianBlur(noise(SIZE, SIZE), (0, 0), 0.8)
    return image if not blur else cv2.GaussianBlur(image, (0, 0), blur)


def quality(
    *,
    height: float = 200,
    nose: float = 0.5,
    blur: float = 0.0,
    score: float = 0.9,
    sure: float | None = None,
) -> float:
    """The quality of one face; ``nose``: where it stands from one eye (0) to the other (1)."""
    landmarks = FRONT.copy()
    landmarks[2, 0] = FRONT[0, 0] + nose * (FRONT[1, 0] - FRONT[0, 0])
    box = np.array([[10, 10, height * 0.8, height]], np.float32)
    crops = textured(blur)[None]
    certainties = None if sure is None else np.float32([sure])
    return float(qualities(box, landmarks[None], np.float32([score]), crops, certainties)[0])


def test_a_large_sharp_frontal_sure_face_is_of_full_quality() -> None:
    assert quality(score=1.0) == pytest.approx(1, abs=0.01)


def test_quality_grows_with_the_face_until_it_fills_a_crop() -> None:
    small, middle, full, larger = (quality(height=h) for h in (20, 60, 112, 900))
    assert small < middle < full == larger


def test_quality_falls_with_blur() -> None:
    sharp, soft, blurred = (quality(blur=b) for b in (0, 2, 6))
    assert sharp > soft > blurred


@pytest.mark.parametrize("side", [-1, 1])
def test_quality_falls_as_the_nose_leaves_the_middle(side: int) -> None:
    front, half, profile, beyond = (quality(nose=0.5 + side * d) for d in (0, 0.25, 0.5, 2))
    assert front > half > profile == beyond > 0


def test_quality_falls_with_the_detection_score() -> None:
    assert quality(score=0.9) > quality(score=0.6)


def test_quality_falls_with_the_recognisers_certainty_most_of_all() -> None:
    sure, unsure = quality(score=1, sure=1), quality(score=1, sure=0.5)
    assert sure == pytest.approx(1, abs=0.01)
    assert unsure < min(quality(score=0.5, sure=1), quality(height=62, sure=1))


def test_a_recogniser_is_the_surer_the_longer_its_features_are() -> None:
    features = np.float32([[0, 0], [3, 4], [6, 8], [9, 12], [60, 80]])
    assert certainty(features, (5.0, 15.0)) == pytest.approx([0, 0, 0.5, 1, 1])


def test_features_that_are_no_numbers_are_of_no_certainty() -> None:
    assert certainty(np.float32([[np.nan, 1]]), (5.0, 15.0)) == pytest.approx([0])


def test_nothing_is_said_of_the_certainty_of_a_recogniser_that_nobody_measured() -> None:
    assert certainty(np.float32([[3, 4]]), None) is None


def test_pose_does_not_depend_on_how_the_head_is_tilted() -> None:
    tilted = cv2.transform(FRONT[None], cv2.getRotationMatrix2D((56, 56), 70, 1))
    box, score = np.float32([[0, 0, 90, 112]]), np.float32([0.9])
    upright, turned = (
        qualities(box, marks.reshape(1, 5, 2), score, textured()[None]) for marks in (FRONT, tilted)
    )
    assert abs(upright - turned).max() < 0.15  # the nose stands lower than the eyes, not aside


def test_one_bad_part_is_enough() -> None:
    flat = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    box, score = np.float32([[0, 0, 90, 112]]), np.float32([1])
    assert qualities(box, FRONT[None], score, flat)[0] == 0


def test_every_quality_is_between_0_and_1() -> None:
    random, count = np.random.default_rng(0), 200
    boxes = random.uniform(-50, 5000, (count, 4)).astype(np.float32)
    landmarks: Floats = random.normal(0, 1000, (count, 5, 2)).astype(np.float32)
    landmarks[:20] = 3  # all in one point
    scores = random.uniform(-0.1, 1.1, count).astype(np.float32)
    crops = random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    result = qualities(boxes, landmarks, scores, crops)
    assert result.shape == (count,)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


def test_no_faces_have_no_qualities() -> None:
    none = np.zeros(0, np.float32)
    result = qualities(
        none.reshape(0, 4), none.reshape(0, 5, 2), none, np.zeros((0, 9, 9, 3), "u1")
    )
    assert result.shape == (0,)
    assert usable(none.reshape(0, 4), result).shape == (0,)


def test_tiny_faces_and_poor_faces_are_not_usable() -> None:
    heights = [MINIMUM_HEIGHT - 0.1, MINIMUM_HEIGHT, 200, 200]
    boxes = np.array([[0, 0, 50, height] for height in heights], np.float32)
    marks = np.float32([0.9, 0.9, MINIMUM_QUALITY - 0.01, MINIMUM_QUALITY])
    assert usable(boxes, marks).tolist() == [False, True, False, True]


# -- the figures of docs/finding.md ---------------------------------------------------------------


def striped(depth: int) -> Image:
    """A crop of columns of two greys: its Laplacian's deviation is 4 times ``depth``."""
    columns = np.where(np.arange(SIZE) % 2, 128 + depth, 128 - depth).astype(np.uint8)
    return np.repeat(np.broadcast_to(columns, (SIZE, SIZE))[..., None], 3, axis=2)


def parts(*, height: float = 112, depth: int = 6, nose: float = 0.5) -> dict[str, float]:
    landmarks = FRONT.copy()
    landmarks[2, 0] = FRONT[0, 0] + nose * (FRONT[1, 0] - FRONT[0, 0])
    box = np.array([[0, 0, 50, height]], np.float32)
    made = quality_parts(box, landmarks[None], np.ones(1, np.float32), striped(depth)[None])
    return {name: float(part[0]) for name, part in made.items()}


@pytest.mark.parametrize(
    ("name", "measures"),
    [
        ("size", {12: 0.0, 37: 0.25, 62: 0.5, 112: 1.0, 500: 1.0}),
        ("sharpness", {0: 0.0, 3: 0.5, 6: 1.0, 9: 1.0}),
        ("pose", {0.5: 1.0, 0.75: 0.5, 0.25: 0.5, 0.99: 0.1, 1.5: 0.1}),
    ],
)
def test_a_part_of_the_quality_goes_from_nothing_to_all(
    name: str, measures: dict[float, float]
) -> None:
    given = {"size": "height", "sharpness": "depth", "pose": "nose"}[name]
    for value, expected in measures.items():
        changed = parts(**{given: value})  # type: ignore[arg-type]
        assert changed[name] == pytest.approx(expected, abs=0.02)


SHARES = {"size": 1 / 15, "sharpness": 1 / 15, "pose": 1 / 15, "score": 4 / 15, "certainty": 8 / 15}


def with_half(name: str, *, certain: bool = True) -> float:
    """The quality of a face of which one part is 0.5 and every other part 1."""
    box = np.array([[0, 0, 50, 62 if name == "size" else 112]], np.float32)
    landmarks = FRONT.copy()
    landmarks[2, 0] += (FRONT[1, 0] - FRONT[0, 0]) / 4 if name == "pose" else 0
    crops = striped(3 if name == "sharpness" else 6)[None]
    scores = np.float32([0.5 if name == "score" else 1])
    sure = np.float32([0.5 if name == "certainty" else 1]) if certain else None
    return float(qualities(box, landmarks[None], scores, crops, sure)[0])


@pytest.mark.parametrize("name", SHARES)
def test_quality_is_the_weighted_geometric_mean_of_its_parts(name: str) -> None:
    assert with_half(name) == pytest.approx(0.5 ** SHARES[name], abs=2e-3)


def test_without_the_certainty_the_other_parts_share_its_weight() -> None:
    assert with_half("score", certain=False) == pytest.approx(0.5 ** (4 / 7), abs=2e-3)


def test_a_face_of_18_pixels_and_a_quality_of_0_4_is_just_usable() -> None:
    boxes = np.float32([[0, 0, 9, 18], [0, 0, 9, 17.9], [0, 0, 9, 18]])
    marks = np.float32([0.4, 0.9, 0.399])
    assert usable(boxes, marks).tolist() == [True, False, False]
