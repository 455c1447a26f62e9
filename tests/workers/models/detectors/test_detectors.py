import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.errors import FatalError
from tests.workers.pictures import noise
from tests.workers.stages.test_prepare import shipped
from workers.faces.detection import PROFILES, search_image
from workers.models.base import Detections, Floats, Image
from workers.models.detectors.boxes import corners_of, merged, overlaps, padded, suppress
from workers.models.detectors.scrfd import MEAN, SCALE, Scrfd
from workers.models.detectors.yunet import YuNet
from workers.models.onnx.prepare import prepare, take_pixels
from workers.models.session import Session, open_session

SIX_FRIENDS = 6
THOROUGH = PROFILES["thorough"]


def found(*boxes: list[float], scores: list[float] | None = None) -> Detections:
    count = len(boxes)
    given = np.float32(scores or np.linspace(0.9, 0.6, count))
    return Detections(np.float32(boxes), np.zeros((count, 5, 2), np.float32), given)


def kept(boxes: list[list[float]], scores: list[float], overlap: float = 0.4) -> list[int]:
    return suppress(np.float32(boxes), np.float32(scores), overlap).tolist()


# -- geometry -----------------------------------------------------------------------------------


def test_cells_come_row_by_row_each_as_often_as_there_are_anchors() -> None:
    corners = corners_of(np.arange(12), 24, 8, anchors=2)
    row = [[0, 0], [0, 0], [8, 0], [8, 0], [16, 0], [16, 0]]
    assert corners.tolist() == row + [[x, 8] for x, _ in row]
    assert corners_of(np.array([11, 2]), 24, 8, anchors=2).tolist() == [[16, 8], [8, 0]]


def test_of_two_overlapping_boxes_the_better_stays() -> None:
    assert kept([[0, 0, 10, 10], [1, 1, 10, 10]], [0.6, 0.9]) == [1]


def test_boxes_apart_all_stay_best_first() -> None:
    assert kept([[0, 0, 9, 9], [50, 0, 9, 9], [0, 50, 9, 9]], [0.6, 0.9, 0.7]) == [1, 2, 0]


def test_a_suppressed_box_suppresses_nothing() -> None:
    chain = [[0, 0, 10, 10], [4, 0, 10, 10], [8, 0, 10, 10]]  # neighbours share 0.43
    assert kept(chain, [0.9, 0.8, 0.7]) == [0, 2]


def test_an_overlap_of_exactly_the_limit_stays() -> None:
    halves = [[0, 0, 10, 10], [0, 0, 5, 10]]
    assert kept(halves, [0.9, 0.8], overlap=0.5) == [0, 1]
    assert kept(halves, [0.9, 0.8], overlap=0.49) == [0]


def test_equal_scores_are_ordered_by_place_whatever_the_order_given() -> None:
    boxes = [[80, 0, 9, 9], [0, 40, 9, 9], [0, 0, 9, 9]]
    assert kept(boxes, [0.7, 0.7, 0.7]) == [2, 1, 0]


def test_no_boxes_and_empty_boxes_are_no_trouble() -> None:
    assert len(suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.4)) == 0
    assert kept([[5, 5, 0, 0], [5, 5, 0, 0]], [0.9, 0.8]) == [0, 1]


def test_the_faces_of_several_passes_are_each_there_once() -> None:
    one = found([0, 0, 10, 10], [50, 0, 10, 10], scores=[0.7, 0.9])
    other = found([1, 0, 10, 10], [0, 50, 10, 10], scores=[0.8, 0.65])
    both = merged([one, other, Detections.none()], 0.4)
    assert both.scores.tolist() == pytest.approx([0.9, 0.8, 0.65])
    assert both.boxes[:, :2].tolist() == [[50, 0], [1, 0], [0, 50]]
    assert both.landmarks.shape == (3, 5, 2)


def test_what_has_no_place_or_no_extent_is_no_face() -> None:
    odd = found([np.nan, 0, 9, 9], [0, 0, np.inf, 9], [0, 0, 0, 9], [0, 0, 9, -1], [7, 7, 9, 9])
    assert merged([odd], 0.4).boxes.tolist() == [[7, 7, 9, 9]]
    assert len(merged([Detections.none()], 0.4)) == 0


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.float32([[0, 0, 10, 10], [5, 0, 10, 10], [40, 40, 5, 5], [0, 0, 0, 0]])
    table = overlaps(boxes[:1], boxes)
    np.testing.assert_allclose(table, [[1, 1 / 3, 0, 0]], atol=1e-6)
    assert overlaps(boxes[:0], boxes).shape == (0, 4)


def test_padding_is_black_and_to_the_right_and_below() -> None:
    image = np.full((2, 3, 3), 9, np.uint8)
    canvas = padded(image, 4, 5)
    assert (canvas[:2, :3] == 9).all()
    assert canvas.sum() == image.sum()


# -- networks -----------------------------------------------------------------------------------


def scrfd_path(data: Path, size: str) -> Path:
    path = data / "models" / f"scrfd_{size}_kps.onnx"
    if not path.exists():
        pytest.skip(f"no {path.name} here")
    return path


def scrfd(path: Path) -> Scrfd:
    data = take_pixels(path.read_bytes(), path.name, mean=MEAN, scale=SCALE)
    return Scrfd(open_session(data, "cpu", name=path.name), name=path.name)


def group_photo() -> Image:
    """Insightface's own sample, six people (RGB)."""
    pytest.importorskip("insightface")
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / "images" / "t1.jpg"
    image = cv2.imread(str(path))
    if image is None:
        pytest.skip("this insightface comes without its sample photo")
    return np.ascontiguousarray(image[:, :, ::-1])


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    model = prepare(shipped("yunet"), "yunet", free_size=True)
    return YuNet(open_session(take_pixels(model, "yunet", bgr=True), "cpu", name="yunet"))


def require_sane(faces: Detections, image: Image) -> None:
    """Best first, and landmarks within their boxes, eyes above the mouth, left before right."""
    assert (np.diff(faces.scores) <= 0).all()
    low, high = faces.boxes[:, None, :2], (faces.boxes[:, :2] + faces.boxes[:, 2:])[:, None]
    assert ((faces.landmarks > low) & (faces.landmarks < high)).all()
    assert (faces.landmarks[:, 0, 0] < faces.landmarks[:, 1, 0]).all()
    assert (faces.landmarks[:, :2, 1].max(1) < faces.landmarks[:, 3:, 1].min(1)).all()
    assert (high[:, 0] <= np.array(image.shape[1::-1]) * 1.05).all()


@pytest.mark.insightface
def test_yunet_finds_six_friends(yunet: YuNet) -> None:
    image = group_photo()
    faces = search_image(image, yunet, PROFILES["balanced"]).faces
    assert len(faces) == SIX_FRIENDS
    require_sane(faces, image)


@pytest.mark.insightface
def test_one_pass_of_yunet_is_opencvs(yunet: YuNet) -> None:
    image = group_photo()
    height, width = image.shape[:2]
    ours = yunet.detect(image)
    ours = ours.where(ours.scores >= 0.6)
    weights = np.frombuffer(shipped("yunet"), np.uint8)
    theirs = cv2.FaceDetectorYN.create("onnx", weights, np.zeros(0, np.uint8), (width, height))
    theirs.setScoreThreshold(0.6)
    theirs.setNMSThreshold(0.4)
    faces = theirs.detect(np.ascontiguousarray(image[:, :, ::-1]))[1]
    require_same_places(ours.boxes, faces[:, :4], within=0.5)
    require_same_places(ours.landmarks.reshape(-1, 10), faces[:, 4:14], within=0.5)


@pytest.mark.insightface
@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_yunet_finds_the_same_faces_at_other_sizes(yunet: YuNet, scale: float) -> None:
    image = group_photo()
    resized = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
    there, here = (
        search_image(picture, yunet, PROFILES["balanced"]).faces for picture in (resized, image)
    )
    assert len(there) == SIX_FRIENDS
    require_same_places(there.boxes / scale, here.boxes, within=25)


def require_same_places(some: Floats, others: Floats, within: float) -> None:
    """Equal boxes but for ``within`` pixels, in any order."""
    assert some.shape == others.shape
    distances = np.abs(some[:, None] - others[None]).max(axis=2)
    assert distances.min(axis=1).max() < within
    assert sorted(distances.argmin(axis=1)) == list(range(len(others)))


@pytest.mark.insightface
@pytest.mark.parametrize("size", ["2.5g", "500m"])
def test_scrfd_finds_six_friends(data: Path, size: str) -> None:
    image = group_photo()
    detector = scrfd(scrfd_path(data, size))
    faces = search_image(image, detector, PROFILES["balanced"]).faces
    assert len(faces) == SIX_FRIENDS
    require_sane(faces, image)


def some_photos(data: Path) -> list[Image]:
    files = sorted((data / "data" / "wider_dev" / "images").rglob("*.jpg"))[::40][:4]
    photos = [cv2.imread(str(file))[:, :, ::-1] for file in files]
    return [group_photo(), *(np.ascontiguousarray(photo) for photo in photos)]


@pytest.mark.insightface
@pytest.mark.parametrize("size", ["2.5g", "500m"])
def test_one_pass_of_scrfd_is_insightfaces(data: Path, size: str) -> None:
    model_zoo = pytest.importorskip("insightface.model_zoo")
    path = scrfd_path(data, size)
    ours, theirs = scrfd(path), model_zoo.get_model(str(path), providers=["CPUExecutionProvider"])
    theirs.prepare(-1, det_thresh=0.5, input_size=(640, 640))
    for image in some_photos(data):
        boxes, points = theirs.detect(image[:, :, ::-1], input_size=(640, 640))
        resized = np.asarray(cv2.resize(image, fitted(image, 640)), np.uint8)
        scale = resized.shape[0] / image.shape[0]
        faces = ours.detect(padded(resized, 640, 640))
        faces = Detections(faces.boxes / scale, faces.landmarks / scale, faces.scores)
        faces = faces.where(faces.scores >= 0.5)
        assert len(faces) == len(boxes)
        order = np.argsort(-boxes[:, 4], kind="stable")
        edges = np.concatenate([faces.boxes[:, :2], faces.boxes[:, :2] + faces.boxes[:, 2:]], 1)
        require_same_places(edges, boxes[order, :4], within=0.5)
        np.testing.assert_allclose(faces.scores, boxes[order, 4], atol=0.005)
        require_same_places(faces.landmarks.reshape(-1, 10), points.reshape(-1, 10), within=0.5)


def fitted(image: Image, side: int) -> tuple[int, int]:
    """Width and height as insightface rounds them."""
    height, width = image.shape[:2]
    return (
        (int(side * width / height), side) if height > width else (side, int(side * height / width))
    )


def detectors(data: Path, yunet: YuNet) -> list[YuNet | Scrfd]:
    return [yunet, scrfd(scrfd_path(data, "500m"))]


@pytest.mark.parametrize("size", [(640, 480), (5, 5), (1, 1), (2000, 3), (3, 2000)])
def test_a_black_picture_of_any_shape_has_no_face(
    data: Path, yunet: YuNet, size: tuple[int, int]
) -> None:
    for detector in detectors(data, yunet):
        faces = search_image(np.zeros((size[1], size[0], 3), np.uint8), detector, THOROUGH).faces
        assert len(faces) == 0
        assert faces.boxes.shape == (0, 4)
        assert faces.landmarks.shape == (0, 5, 2)


@pytest.mark.parametrize("size", [(5, 5), (1, 1), (2000, 3), (3, 2000), (33, 31)])
def test_noise_of_any_shape_does_not_crash(data: Path, yunet: YuNet, size: tuple[int, int]) -> None:
    for detector in detectors(data, yunet):
        found = search_image(noise(*size), detector, THOROUGH)
        assert np.isfinite(found.faces.boxes).all()


class _SixOutputs(Session):
    """A session of an SCRFD that knows no landmarks."""

    def __init__(self) -> None:
        self.outputs = [f"out{number}" for number in range(6)]


def test_a_detector_without_landmarks_stops_the_job_and_says_which_to_take() -> None:
    with pytest.raises(FatalError, match=r"scrfd_10g\.onnx has 6 outputs.*_kps"):
        Scrfd(_SixOutputs(), name="scrfd_10g.onnx")
