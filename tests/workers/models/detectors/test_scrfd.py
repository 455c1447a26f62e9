from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.errors import FatalError
from tests.workers.models.detectors.places import SIX_FRIENDS, require_same_places, require_sane
from tests.workers.networks import scrfd_path
from tests.workers.pictures import group_photo
from workers.faces.detection import PROFILES, search_image
from workers.models.base import Detections, Image
from workers.models.detectors.boxes import padded
from workers.models.detectors.scrfd import SCALING, Scrfd, by_image
from workers.models.session import Session, open_session


def scrfd(path: Path) -> Scrfd:
    data = SCALING.built_into(path.read_bytes(), path.name)
    return Scrfd(open_session(data, "cpu", name=path.name), name=path.name)


class _SixOutputs(Session):
    """A session of an SCRFD that knows no landmarks."""

    def __init__(self) -> None:
        self.outputs = [f"out{number}" for number in range(6)]


def test_a_detector_without_landmarks_stops_the_job_and_says_which_to_take() -> None:
    with pytest.raises(FatalError, match=r"scrfd_10g\.onnx has 6 outputs.*_kps"):
        Scrfd(_SixOutputs(), name="scrfd_10g.onnx")


def test_an_interleaved_batch_is_told_apart() -> None:
    cells, images, anchors, width = 6, 3, 2, 4
    apart = np.arange(images * cells * anchors * width).reshape(images, cells, anchors, width)
    folded = apart.transpose(1, 0, 2, 3).reshape(-1, width)
    [told] = by_image([folded], images)
    np.testing.assert_array_equal(told, apart.reshape(images, -1, width))


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
