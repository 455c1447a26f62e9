"""Which passes a photo gets, and how their detections become one list of faces."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest

from tests.workers.pictures import encoded, jpeg, noise
from workers.faces.detection import (
    PROFILES,
    TILE,
    Found,
    Profile,
    Sizes,
    search,
    search_image,
)
from workers.images.decode import Picture
from workers.models.base import Detections, Image, Scores

pytestmark = pytest.mark.usefixtures("no_closer_look")

BALANCED, THOROUGH = PROFILES["balanced"], PROFILES["thorough"]
SCORES = Scores(alone=0.6, agreed=0.5, support=0.4, sure=0.8, upright=0.7, exact_from=64)


@dataclass
class Blobs:
    """A detector of bright blobs, each a face of that size; its score is the blob's red / 255.

    It sees none that is smaller or larger, in its own pixels, than its limits; a face is upright
    where the blob's upper half is the brighter one.
    """

    smallest: float = 10
    tallest: float = 1000
    largest: int | None = None
    upright_only: bool = False
    scores: Scores = SCORES
    seen: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, image: Image) -> Detections:
        import cv2

        self.seen.append((image.shape[1], image.shape[0]))
        bright = (image[:, :, 0] > 80).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        boxes, scores = [], []
        for n in range(1, count):
            x, y, w, h = (int(v) for v in stats[n, :4])
            part = image[y : y + h, x : x + w]
            upper, lower = part[: h // 2, :, 1].mean(), part[h // 2 :, :, 1].mean()
            if self.smallest <= h <= self.tallest and not (
                self.upright_only and upper <= lower + 9
            ):
                boxes.append([x, y, w, h])
                scores.append(np.median(part[:, :, 0]) / 255)
        found = np.float32(boxes).reshape(-1, 4)
        corners = found[:, None, :2] + found[:, None, 2:] * np.float32(
            [[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.3, 0.8], [0.7, 0.8]]
        )
        order = np.argsort(-np.float32(scores), kind="stable")
        return Detections(found, corners, np.float32(scores)).where(order)


def photo(width: int, height: int, *faces: tuple[int, int, int, float]) -> Image:
    """A black photo with square faces of (left, top, side, score)."""
    image = np.zeros((height, width, 3), np.uint8)
    for left, top, side, score in faces:
        image[top : top + side, left : left + side, 0] = round(255 * score)
        image[top : top + side // 2, left : left + side, 1] = 200
    return image


def found_in(image: Image, detector: Blobs, profile: Profile = BALANCED) -> Found:
    return search(Picture(encoded(image, "PNG"), max_pixels=10**8), detector, profile)


def require_boxes(found: Found, *boxes: tuple[int, int, int], within: float = 3) -> None:
    expected = np.float32([[left, top, side, side] for left, top, side in boxes]).reshape(-1, 4)
    assert len(found) == len(boxes)
    order = np.lexsort((found.faces.boxes[:, 1], found.faces.boxes[:, 0]))
    np.testing.assert_allclose(found.faces.boxes[order], np.sort(expected, axis=0), atol=within)


# -- passes ---------------------------------------------------------------------------------------


def test_a_profile_says_at_which_scales_a_photo_is_searched() -> None:
    detector = Blobs()
    found_in(photo(2000, 1000, (100, 100, 200, 0.9)), detector)
    assert detector.seen == [(640, 320), (1448, 724)]


def test_a_small_photo_is_enlarged_only_so_far_and_not_searched_twice_alike() -> None:
    detector = Blobs()
    found = found_in(photo(300, 200, (50, 50, 60, 0.9)), detector)
    assert detector.seen == [(450, 300)]
    require_boxes(found, (50, 50, 60))
    assert found.passes == ("450",)


def test_a_face_is_found_by_the_pass_that_can_see_it() -> None:
    detector = Blobs(smallest=20, tallest=150)
    found = found_in(photo(2000, 1500, (100, 100, 30, 0.9), (800, 300, 460, 0.95)), detector)
    require_boxes(found, (100, 100, 30), (800, 300, 460), within=5)
    assert sorted(found.passes) == ["1448", "640"]


def test_what_fills_the_frame_is_looked_for_again_much_smaller() -> None:
    detector = Blobs(tallest=200)
    found = found_in(photo(900, 900, (100, 100, 650, 0.9)), detector)
    require_boxes(found, (100, 100, 650), within=6)
    assert found.passes == ("256 close-up",)


def test_a_large_pass_leaves_large_finds_to_the_small_one() -> None:
    detector = Blobs(smallest=200)  # blind to what the small pass would see
    assert len(found_in(photo(1448, 1448, (100, 100, 350, 0.7)), detector)) == 0


# -- agreement ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "smallest", "counts"),
    [(0.65, 30, True), (0.55, 30, False), (0.55, 10, True), (0.45, 10, False)],
)
def test_one_pass_must_be_sure_and_two_may_be_less_so(
    score: float, smallest: int, counts: bool
) -> None:
    # 40 pixels of the photo are 18 of the pass at 640 and 40 of that at 1448
    detector = Blobs(smallest=smallest)
    found = found_in(photo(1448, 1000, (300, 300, 40, score)), detector)
    assert len(found) == int(counts)


def test_every_face_is_there_once_best_first() -> None:
    found = found_in(photo(1448, 1000, (100, 100, 60, 0.7), (600, 100, 60, 0.95)), Blobs())
    assert found.faces.boxes[:, 0] == pytest.approx([600, 100], abs=3)
    assert (np.diff(found.faces.scores) < 0).all()


@dataclass
class Told:
    """A detector that gives each image its own faces: (left, top, side, score) by width.

    All landmarks are at the left edge in the image 1000 pixels wide, in its middle in others.
    """

    faces: dict[int, list[tuple[float, float, float, float]]]
    largest: int | None = None
    scores: Scores = SCORES

    def detect(self, image: Image) -> Detections:
        rows = np.float32(self.faces.get(image.shape[1], [])).reshape(-1, 4)
        marks = np.zeros((len(rows), 5, 2), np.float32)
        marks[..., 0] = 0 if image.shape[1] == 1000 else image.shape[1] / 2
        return Detections(np.float32(rows[:, [0, 1, 2, 2]]), marks, rows[:, 3])


def shifted_square(shared: float, score: float) -> tuple[float, float, float, float]:
    """A square of 100 pixels whose overlap with that at 0, 0 is ``shared``."""
    return 100 * (1 - 2 * shared / (1 + shared)), 0, 100, score


@pytest.mark.parametrize(("shared", "count"), [(0.39, 2), (0.41, 1)])
def test_two_faces_that_share_more_than_0_4_are_one(shared: float, count: int) -> None:
    detector = Told({640: [(0, 0, 100, 0.9), shifted_square(shared, 0.8)]})
    assert len(search_image(photo(640, 480), detector, PROFILES["fast"])) == count


@pytest.mark.parametrize(("shared", "counts"), [(0.39, False), (0.41, True)])
def test_two_passes_agree_on_faces_that_share_0_4(shared: float, counts: bool) -> None:
    detector = Told({1000: [(0, 0, 100, 0.55)], 500: [(0, 0, 50, 0.45)]})
    left, top, side, score = shifted_square(shared, 0.45)
    detector.faces[500] = [(left / 2, top, side / 2, score)]
    found = search_image(photo(1000, 500), detector, Profile((500, 1000)))
    assert len(found) == int(counts)


@pytest.mark.parametrize(("exact_from", "place"), [(50, 250), (100, 100), (200, 100)])
def test_landmarks_are_the_mean_of_the_passes_by_the_size_at_which_they_see_a_face(
    exact_from: float, place: float
) -> None:
    # one face, 50 pixels high in the small pass (landmarks at 500) and 100 in the large one (at 0)
    scores = replace(SCORES, exact_from=exact_from)
    detector = Told({500: [(40, 0, 50, 0.8)], 1000: [(80, 0, 100, 0.9)]}, scores=scores)
    found = search_image(photo(1000, 500), detector, Profile((500, 1000)))
    assert found.faces.scores == pytest.approx([0.9])
    assert found.passes == ("1000",)
    assert found.faces.landmarks[0, 0, 0] == pytest.approx(place, abs=1)


def test_landmarks_of_a_pass_that_is_unsure_do_not_count() -> None:
    scores = replace(SCORES, exact_from=40)
    detector = Told({500: [(40, 0, 50, 0.45)], 1000: [(80, 0, 100, 0.9)]}, scores=scores)
    found = search_image(photo(1000, 500), detector, Profile((500, 1000)))
    assert found.faces.landmarks[0, 0, 0] == pytest.approx(0, abs=1)


# -- the tiled pass -------------------------------------------------------------------------------


def crowd(width: int, height: int, side: int) -> tuple[Image, list[tuple[int, int, int]]]:
    places = [
        (x, y, side)
        for y in range(200, height - 200, height // 6)
        for x in range(200, width - 200, width // 10)
    ]
    return photo(width, height, *((x, y, side, 0.9) for x, y, side in places)), places


def test_a_large_group_photo_is_searched_in_tiles_and_each_face_is_there_once() -> None:
    image, places = crowd(5000, 3300, 34)
    places = [*places, (20, 20, 150)]  # a few are seen at once, and call for tiles
    image[20:170, 20:170, 0] = 230
    image[20:95, 20:170, 1] = 200
    image[400:500, 20:120, 0] = 230
    detector = Blobs(smallest=15)
    found = found_in(image, detector)
    assert len(found) == len(places) + 1
    assert max(max(size) for size in detector.seen) <= TILE
    assert "2896 tiles" in found.passes


def test_one_face_in_a_large_photo_gets_no_tiled_pass() -> None:
    detector = Blobs()
    found_in(photo(5000, 3300, (1000, 1000, 900, 0.9)), detector)
    assert len(detector.seen) == 2


def test_thorough_always_looks_again() -> None:
    detector = Blobs()
    found_in(photo(5000, 3300, (1000, 1000, 900, 0.9)), detector, THOROUGH)
    assert len(detector.seen) > 4


def test_a_network_of_one_size_gets_larger_passes_in_tiles() -> None:
    detector = Blobs(largest=640)
    image = photo(1448, 1000, (630, 400, 60, 0.9), (100, 100, 60, 0.9))
    require_boxes(found_in(image, detector), (100, 100, 60), (630, 400, 60))
    assert max(max(size) for size in detector.seen) == 640


def test_an_image_as_it_is_gets_no_turns() -> None:
    sideways = np.ascontiguousarray(np.rot90(photo(900, 600, (200, 150, 120, 0.95))))
    assert len(search_image(sideways, Blobs(upright_only=True), BALANCED)) == 0


def test_boxes_are_in_pixels_of_the_full_photo() -> None:
    image = photo(4000, 3000, (1000, 500, 800, 0.9))
    found = search(Picture(jpeg(image), max_pixels=10**8), Blobs(), BALANCED)
    require_boxes(found, (1000, 500, 800), within=8)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (41, 60), (40, 61), (43, 61)])
def test_an_odd_edge_counts_twice_where_an_image_is_halved(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    twice = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    pairs = twice.reshape(-(-height // 2), 2, -(-width // 2), 2, 3).astype(int)
    half = np.round(pairs.mean(axis=(1, 3))).astype(np.uint8)
    shown = Sizes(image).at(0.4)
    theirs = cv2.resize(half, shown.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    assert np.abs(shown.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("side", [4000, 4001, 4003])
def test_a_face_at_the_far_edge_of_an_image_of_odd_size_is_where_it_is(side: int) -> None:
    image = np.zeros((600, side, 3), np.uint8)
    image[300:460, side - 160 :] = 255
    found = search_image(image, Blobs(), PROFILES["fast"])
    box = found.faces.boxes[0]
    assert box == pytest.approx([side - 160, 300, 160, 160], abs=7)


def test_an_image_looks_the_same_whatever_it_was_looked_at_before() -> None:
    image, scales = noise(900, 700), (0.9, 0.1, 0.4, 0.25, 0.4)
    sizes = Sizes(image)
    for scale in scales:
        np.testing.assert_array_equal(sizes.at(scale), Sizes(image).at(scale))
