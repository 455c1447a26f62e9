"""Photos that lie on their side or upside down are found to do so, and upright ones stay."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.workers.faces.test_detection import SCORES, Blobs, photo
from tests.workers.networks import shipped
from tests.workers.pictures import encoded, group_photo, turned
from workers.faces.detection import PROFILES, search, search_image
from workers.faces.merging import Found
from workers.faces.turns import rolls
from workers.images.decode import Picture
from workers.images.turns import turned_further
from workers.models.base import Detections, Detector, Image, Scores
from workers.models.detectors.yunet import SCALING, YuNet
from workers.models.onnx.prepare import prepare
from workers.models.session import open_session

ORIENTATIONS = range(1, 9)
TWO = ((200, 150, 120, 0.95), (500, 300, 100, 0.9))


@dataclass
class Forgiving:
    """A detector of bright blobs, which sees those that lie too, with 0.7 of their score.

    A blob stands where its upper half is the greener one. With ``honest`` the landmarks of one
    that lies show its turn; else they stand, as those of a network that knows only upright faces.
    """

    honest: bool = False
    blobs: Blobs = field(default_factory=Blobs)
    scores: Scores = SCORES
    largest: int | None = None

    def detect(self, image: Image) -> Detections:
        found = self.blobs.detect(image)
        landmarks, scores = found.landmarks.copy(), found.scores.copy()
        for number, box in enumerate(found.boxes.astype(int)):
            x, y, w, h = box.tolist()
            quarters = _quarters_of(image[y : y + h, x : x + w, 1])
            scores[number] *= 0.7 if quarters else 1
            if self.honest:
                middle = np.float32([x + w / 2, y + h / 2])
                angle = np.radians(-90 * quarters)
                turn = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                landmarks[number] = (landmarks[number] - middle) @ turn.T + middle
        order = np.argsort(-scores, kind="stable")
        return Detections(found.boxes, landmarks, scores).where(order)


def _quarters_of(green: Image) -> int:
    """Quarters anticlockwise by which a blob lies; its green half says where its top is."""
    h, w = green.shape
    halves = (green[: h // 2], green[:, : w // 2], green[h // 2 :], green[:, w // 2 :])
    return int(np.argmax([float(half.mean()) for half in halves]))


def found_in(picture: Picture, detector: Detector, profile: str = "balanced") -> Found:
    return search(picture, detector, PROFILES[profile])  # type: ignore[index]


def picture_of(stored: Image) -> Picture:
    return Picture(encoded(stored, "PNG"), max_pixels=10**8)


def require_upright(picture: Picture, found: Found, faces: tuple[tuple[int, int, int, float], ...]):
    """The picture lies as ``photo(900, 600, *faces)`` does, with boxes and landmarks in it."""
    decoded = picture.at_least(1)
    assert (decoded.width, decoded.height) == (900, 600)
    np.testing.assert_array_equal(decoded.image, photo(900, 600, *faces))
    expected = [[left, top, side, side] for left, top, side, _ in faces]
    np.testing.assert_allclose(found.faces.boxes, expected, atol=3)
    assert (np.abs(rolls(found.faces.landmarks)) < 5).all()


@pytest.mark.parametrize("honest", [False, True])
@pytest.mark.parametrize("profile", ["fast", "balanced", "thorough"])
@pytest.mark.parametrize("quarters", range(4))
def test_a_photo_is_turned_until_its_faces_stand(quarters: int, profile: str, honest: bool) -> None:
    picture = picture_of(np.ascontiguousarray(np.rot90(photo(900, 600, *TWO), -quarters)))
    found = found_in(picture, Forgiving(honest), profile)
    require_upright(picture, found, TWO)
    assert picture.at_least(1).orientation == turned_further(1, quarters)
    assert [name.endswith(f"turned {90 * quarters}") for name in found.passes] == [
        bool(quarters)
    ] * 2


@pytest.mark.parametrize("quarters", range(1, 4))
def test_a_photo_whose_faces_are_seen_only_upright_is_turned_too(quarters: int) -> None:
    picture = picture_of(np.ascontiguousarray(np.rot90(photo(900, 600, *TWO), -quarters)))
    found = found_in(picture, Blobs(upright_only=True))
    require_upright(picture, found, TWO)
    assert picture.at_least(1).orientation == turned_further(1, quarters)


@pytest.mark.parametrize("stored", ORIENTATIONS)
@pytest.mark.parametrize("wrong", range(4))
def test_a_wrong_exif_orientation_is_made_good(stored: int, wrong: int) -> None:
    # the tag turns by so many quarters less than the pixels need, mirrored or not
    upright = photo(900, 600, *TWO)
    tagged = turned_further(stored, -wrong)
    data = with_tag(np.asarray(turned(upright, stored)), tagged)
    picture = Picture(data, max_pixels=10**8)
    found = found_in(picture, Forgiving())
    require_upright(picture, found, TWO)
    assert picture.at_least(1).orientation == stored


def with_tag(stored: Image, orientation: int) -> bytes:
    """A PNG of these stored pixels whose EXIF says ``orientation``."""
    from PIL import Image as Pillow

    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encoded(stored, "PNG", exif=exif.tobytes())


def lying(image: Image, left: int, top: int, side: int) -> Image:
    """The image with one of its blobs on its side."""
    image[top : top + side, left : left + side] = np.rot90(
        image[top : top + side, left : left + side]
    )
    return image


def test_one_person_who_lies_turns_no_photo() -> None:
    faces = (*TWO, (700, 80, 110, 0.85))
    image = lying(photo(900, 600, *faces), 700, 80, 110)
    picture = picture_of(image)
    assert len(found_in(picture, Forgiving())) == 3
    assert picture.at_least(1).orientation == 1


def test_one_unsure_face_that_stands_does_not_keep_a_photo_that_lies() -> None:
    faces = (*TWO, (700, 80, 110, 0.65), (50, 400, 110, 0.9), (350, 450, 100, 0.9))
    image = lying(photo(900, 600, *faces), 700, 80, 110)
    picture = picture_of(np.ascontiguousarray(np.rot90(image, -1)))  # that one stands now
    assert len(found_in(picture, Forgiving())) == 4
    assert picture.at_least(1).orientation == 8


def test_a_sure_face_that_stands_costs_no_search_in_turns() -> None:
    detector = Forgiving()
    found_in(picture_of(photo(900, 600, *TWO)), detector)
    assert detector.blobs.seen == [(640, 427), (1350, 900)]


def test_unsure_faces_that_stand_are_looked_at_in_all_turns_and_stay() -> None:
    detector = Forgiving()
    picture = picture_of(photo(900, 600, (200, 150, 120, 0.65)))
    assert len(found_in(picture, detector)) == 1
    assert picture.at_least(1).orientation == 1
    assert len(detector.blobs.seen) > 4


def test_a_photo_whose_turns_are_alike_stays() -> None:
    image = photo(900, 600, (200, 150, 120, 0.65))
    image[:, :, 1] = 0  # neither end of the face is its top
    picture = picture_of(image)
    assert len(found_in(picture, Forgiving())) == 1
    assert picture.at_least(1).orientation == 1


def test_the_roll_of_a_face_is_the_way_from_its_eyes_to_its_mouth() -> None:
    marks = np.float32([[[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]])
    assert rolls(marks) == pytest.approx([0])
    quarter = np.stack([-marks[..., 1], marks[..., 0]], axis=-1)
    assert rolls(quarter) == pytest.approx([90])
    assert abs(rolls(-marks)) == pytest.approx([180])


# -- with a real detector --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    model = prepare(shipped("yunet"), "yunet", free_size=True)
    return YuNet(open_session(SCALING.built_into(model, "yunet"), "cpu", name="yunet"))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_group_photo_is_read_any_way_up(samples: Path, yunet: YuNet, orientation: int) -> None:
    upright = group_photo(samples)
    mirrored = orientation in (2, 4, 5, 7)
    # without a tag, or with one that says it is mirrored and nothing of its turn
    stored = np.asarray(turned(upright, orientation))
    picture = Picture(with_tag(stored, 2 if mirrored else 1), max_pixels=10**8)
    found = found_in(picture, yunet)
    decoded = picture.at_least(1)
    assert decoded.orientation == orientation
    np.testing.assert_array_equal(decoded.image, upright)
    as_it_was = search_image(upright, yunet, PROFILES["balanced"]).faces
    np.testing.assert_allclose(found.faces.boxes, as_it_was.boxes, atol=0.5)
    np.testing.assert_allclose(found.faces.landmarks, as_it_was.landmarks, atol=0.5)
