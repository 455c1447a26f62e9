import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from headcount.contract.stored.archive import PackRecord
from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError, TransientError
from tests.workers.pictures import encoded, jpeg, stored_turned
from workers.faces import analysis
from workers.faces.analysis import SMALL_FACE, Analysis, analyse
from workers.faces.scales import scaled
from workers.images.align import SIZE, TEMPLATE
from workers.images.decode import Decoded, Picture
from workers.models.base import Detections, Floats, Image, ModelPack, Scores
from workers.models.recognisers.arcface import unit_length

pytestmark = pytest.mark.usefixtures("no_closer_look")

PIXELS = 50_000_000


@dataclass
class RedSquares:
    """A detector whose faces are red squares; where a square touches the edge it sees none."""

    seen: list[tuple[int, int]] = field(default_factory=list)

    scores = Scores(alone=0.6, agreed=0.5, support=0.4, sure=0.7, upright=0.7, exact_from=64)
    largest = None

    def detect(self, image: Image) -> Detections:
        self.seen.append((image.shape[1], image.shape[0]))
        red = (image[:, :, 0] > 128) & (image[:, :, 2] < 100)
        count, _, stats, _ = cv2.connectedComponentsWithStats(red.astype(np.uint8))
        found = [stats[n, :4] for n in range(1, count) if _inside(stats[n, :4], image)]
        boxes = np.array(found, np.float32).reshape(-1, 4)
        landmarks = boxes[:, None, :2] + TEMPLATE / SIZE * boxes[:, None, 2:]
        order = np.argsort(-boxes[:, 2], kind="stable")
        scores = np.linspace(0.9, 0.8, len(boxes), dtype=np.float32)
        return Detections(boxes[order], landmarks[order].astype(np.float32), scores)


def _inside(box: Floats, image: Image) -> bool:
    left, top, width, height = box
    height_of_all, width_of_all = image.shape[:2]
    return bool(
        left > 0 and top > 0 and left + width < width_of_all and top + height < height_of_all
    )


@dataclass
class Remembering:
    """A recogniser that keeps the crops it was given; an embedding is a crop's mean colour."""

    crops: list[Image] = field(default_factory=list)
    dimensions: int = 3

    def embed(self, crops: Image) -> Floats:
        return unit_length(self.features(crops))

    def features(self, crops: Image) -> Floats:
        self.crops.append(crops)
        colours = crops.reshape(len(crops), SIZE * SIZE, 3).mean(axis=1, dtype=np.float32) + 1
        return np.asarray(colours, np.float32)


class BrokenDevice(Remembering):
    def features(self, crops: Image) -> Floats:
        raise TransientError("the device gave up")


def pack(recogniser: Remembering | None = None) -> ModelPack:
    return ModelPack(RECORD, RedSquares(), recogniser or Remembering())


RECORD = PackRecord(
    name="fake",
    pack_id="0" * 16,
    digest="0" * 64,
    detector="squares",
    detector_sha256="1" * 64,
    recogniser="colours",
    recogniser_sha256="2" * 64,
    dimensions=3,
    licence="none",
    threshold=0.5,
    margin=0.05,
    cluster_threshold=0.5,
)


def photo(width: int, height: int, *squares: tuple[int, int, int]) -> Image:
    """A grey photo with red squares of (left, top, side), each finely striped in green."""
    image = np.full((height, width, 3), 120, np.uint8)
    for left, top, side in squares:
        square = image[top : top + side, left : left + side]
        square[:] = 230, 0, 10
        square[:, ::2, 1] = 80
    return image


def analysed(data: bytes, using: ModelPack | None = None, **options: bool) -> Analysis:
    return analyse(data, using or pack(), max_pixels=PIXELS, **options)


def require_boxes(result: Analysis, *squares: tuple[int, int, int], within: float = 3) -> None:
    expected = np.array([[left, top, side, side] for left, top, side in squares], np.float32)
    np.testing.assert_allclose(result.boxes, expected, atol=within)
    marks = expected[:, None, :2] + TEMPLATE / SIZE * expected[:, None, 2:]
    np.testing.assert_allclose(result.landmarks, marks, atol=within)


LARGE = (2000, 1000, 600)
SMALL = (600, 1500, 80)
WIDE = (3200, 2400)


def test_boxes_are_in_pixels_of_the_full_photo_though_a_reduced_one_was_searched() -> None:
    using = pack()
    result = analysed(jpeg(photo(*WIDE, LARGE)), using)
    assert using.detector.seen == [(640, 480), (1448, 1086)]  # type: ignore[attr-defined]
    assert (result.width, result.height) == WIDE
    require_boxes(result, LARGE)


def test_boxes_are_upright() -> None:
    result = analysed(stored_turned(photo(*WIDE, LARGE), 6))
    assert (result.width, result.height, result.orientation) == (*WIDE, 6)
    require_boxes(result, LARGE)


@pytest.mark.parametrize("size", [(1600, 1200), (640, 480), (4000, 3000)])
def test_a_photo_that_cannot_be_reduced_has_its_own_pixels(size: tuple[int, int]) -> None:
    result = analysed(encoded(photo(*size, (100, 200, 150)), "PNG"))
    assert (result.width, result.height) == size
    require_boxes(result, (100, 200, 150))


def stripes(crops: Image) -> float:
    """How strong the fine stripes of a crop's middle are."""
    return float(crops[0, 30:80, 30:80, 1].astype(float).std())


def test_a_small_face_is_cut_from_the_full_photo() -> None:
    assert SMALL[2] / 2 < SMALL_FACE
    reduced, whole = Remembering(), Remembering()
    analysed(jpeg(photo(*WIDE, SMALL)), pack(reduced))
    analysed(encoded(photo(*WIDE, SMALL), "PNG"), pack(whole))
    assert stripes(whole.crops[0]) > 15
    assert stripes(reduced.crops[0]) > 0.7 * stripes(whole.crops[0])


def test_a_large_face_is_cut_from_the_photo_that_was_searched() -> None:
    recogniser = Remembering()
    result = analysed(jpeg(photo(*WIDE, (400, 400, 300))), pack(recogniser))
    require_boxes(result, (400, 400, 300))
    assert stripes(recogniser.crops[0]) < 5  # the reduction has averaged them away


def test_crops_are_aligned_whichever_photo_they_come_from() -> None:
    for square in (LARGE, SMALL):
        recogniser = Remembering()
        analysed(jpeg(photo(*WIDE, square)), pack(recogniser))
        (crop,) = recogniser.crops[0]
        assert (crop[4:-4, 4:-4, 0] > 180).all()  # the square fills it, and is not shifted


def test_faces_keep_their_order_and_everything_has_a_row_for_each() -> None:
    result = analysed(jpeg(photo(*WIDE, SMALL, LARGE)))
    require_boxes(result, LARGE, SMALL)
    assert len(result) == 2
    for rows in (result.boxes, result.landmarks, result.scores, result.qualities):
        assert len(rows) == 2
    assert result.embeddings.shape == (2, 3)
    np.testing.assert_allclose(np.linalg.norm(result.embeddings, axis=1), 1, atol=1e-5)
    assert result.usable.dtype == np.bool_


def test_parts_of_the_quality_and_the_share_outside_stay_with_their_faces() -> None:
    result = analysed(jpeg(photo(*WIDE, SMALL, LARGE)))
    assert {"sharpness", "pose", "outside"} <= set(result.parts)
    assert result.parts["outside"] == pytest.approx([0, 0], abs=1e-6)
    small = result.where([1])
    for name, part in result.parts.items():
        assert len(part) == 2
        assert small.parts[name].tolist() == part[1:].tolist()


def test_a_tiny_face_is_found_and_not_usable() -> None:
    result = analysed(encoded(photo(640, 480, (50, 60, 14)), "PNG"))
    assert len(result) == 1
    assert not result.usable[0]


def test_a_photo_without_a_face_is_normal() -> None:
    result = analysed(jpeg(photo(300, 200)))
    assert len(result) == 0
    assert (result.width, result.height) == (300, 200)
    assert result.boxes.shape == (0, 4)
    assert result.landmarks.shape == (0, 5, 2)
    assert result.qualities.shape == result.usable.shape == (0,)
    assert result.embeddings.shape == (0, 3)


@pytest.mark.parametrize("size", [(200, 120), (201, 121), (120, 200)])
def test_a_tight_crop_is_rescued_with_boxes_in_its_own_pixels(size: tuple[int, int]) -> None:
    tight = encoded(photo(*size), "PNG")
    assert len(analysed(tight, rescue_tight=True)) == 0
    using = ModelPack(RECORD, SeesOnlyBordered(size), Remembering())
    assert len(analysed(tight, using)) == 0
    result = analysed(tight, using, rescue_tight=True)
    expected = [[-5, -3, size[0] + 10, size[1] + 6]]
    np.testing.assert_allclose(result.boxes, expected, atol=1.5)
    np.testing.assert_allclose(result.landmarks[0, 0], [20, 30], atol=1.5)


@pytest.mark.parametrize("quarters", [1, 3])
def test_a_tight_crop_on_its_side_is_rescued_and_turned(quarters: int) -> None:
    size = (200, 120)
    lying = np.ascontiguousarray(np.rot90(photo(*size), quarters))
    using = ModelPack(RECORD, SeesOnlyBordered(size), Remembering())
    result = analysed(encoded(lying, "PNG"), using, rescue_tight=True)
    assert (result.width, result.height) == size
    assert result.orientation == 8, "either way is upright for this detector: the first is taken"
    np.testing.assert_allclose(result.landmarks[0, 0], [20, 30], atol=1.5)


@dataclass
class SeesOnlyBordered:
    """A detector that finds the face of a tight crop once there is a border around it."""

    size: tuple[int, int]
    scores = RedSquares.scores
    largest = None

    def detect(self, image: Image) -> Detections:
        factor = image.shape[1] / (2 * self.size[0])  # the border doubles both sides
        turned = (image.shape[0] > image.shape[1]) != (self.size[1] > self.size[0])
        if factor < 1 or turned:
            return Detections.none()
        right, down = self.size[0] // 2, self.size[1] // 2
        box = np.float32([[right - 5, down - 3, self.size[0] + 10, self.size[1] + 6]])
        landmarks = np.float32([[20, 30], [80, 30], [50, 60], [30, 90], [70, 90]])
        shift = np.float32([right, down])
        faces = Detections(box, (landmarks + shift)[None], np.float32([0.9]))
        return scaled(faces, factor)


def test_a_face_that_was_found_needs_no_rescue() -> None:
    using = pack()
    analysed(jpeg(photo(300, 200, (50, 50, 80))), using, rescue_tight=True)
    assert using.detector.seen == [(450, 300)]  # type: ignore[attr-defined]


def test_of_very_many_faces_the_best_are_kept_and_the_photo_says_so() -> None:
    squares = [(60 + 150 * n, 60, 40 + 4 * n) for n in range(6)]
    data = encoded(photo(1000, 300, *squares), "PNG")
    whole = analyse(data, pack(), max_pixels=PIXELS)
    kept = analyse(data, pack(), max_pixels=PIXELS, max_faces=4)
    assert (len(whole), whole.note) == (6, None)
    assert (len(kept), kept.note) == (4, "only the best 4 of 6 faces were kept")
    assert np.array_equal(kept.boxes, whole.boxes[:4])
    assert np.array_equal(kept.embeddings, whole.embeddings[:4])
    assert kept.passes == whole.passes[:4]
    assert analyse(data, pack(), max_pixels=PIXELS, max_faces=6).note is None


def test_a_photo_may_lack_rows_and_faces() -> None:
    whole = jpeg(photo(1000, 600, *[(60 + 150 * n, 60, 60) for n in range(6)]))
    cut = analyse(whole[:-40], pack(), max_pixels=PIXELS, max_faces=4)
    assert cut.note is not None
    rows, faces = cut.note.split("; ")
    assert rows.endswith("rows are missing")
    assert faces == "only the best 4 of 6 faces were kept"


def test_the_time_of_every_stage_is_told() -> None:
    result = analysed(jpeg(photo(*WIDE, SMALL)))
    assert set(result.seconds) == {"decode", "detect", "align", "embed"}
    assert all(seconds > 0 for seconds in result.seconds.values())


def test_decoding_a_photo_again_for_a_small_face_is_no_part_of_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded_for = analysis._decoded_for

    def slow(picture: Picture, boxes: Floats) -> Decoded:
        time.sleep(1)
        picture.seconds += 1
        return decoded_for(picture, boxes)

    monkeypatch.setattr(analysis, "_decoded_for", slow)
    result = analysed(jpeg(photo(*WIDE, SMALL)))
    assert all(seconds >= 0 for seconds in result.seconds.values())


def test_a_broken_photo_is_blamed_and_no_model_runs() -> None:
    using = pack()
    with pytest.raises(PhotoError) as caught:
        analysed(jpeg(photo(300, 200))[:-900], using)
    assert caught.value.outcome is Outcome.UNREADABLE
    assert using.detector.seen == []  # type: ignore[attr-defined]


def test_a_photo_over_the_limit_is_refused() -> None:
    with pytest.raises(PhotoError) as caught:
        analyse(jpeg(photo(300, 200)), pack(), max_pixels=1000)
    assert caught.value.outcome is Outcome.TOO_LARGE


def test_a_device_that_gives_up_is_not_the_photos_fault() -> None:
    with pytest.raises(TransientError):
        analysed(jpeg(photo(300, 200, (50, 50, 80))), pack(BrokenDevice()))
