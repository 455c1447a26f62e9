from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from headcount.errors import FatalError
from tests.workers.models.detectors.places import SIX_FRIENDS, require_same_places, require_sane
from tests.workers.networks import scrfd_path
from tests.workers.pictures import group_photo, pixels_of
from workers.faces.detection import PROFILES, search_image
from workers.models.base import Detections, Image, Scores
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


class _OneMap:
    """A network that gives an SCRFD's outputs for 32 x 32 pixels: faces at anchors of stride 8."""

    provider, inputs = "CPU", {"pixels": [None, None, None, 3]}
    outputs = [f"out{number}" for number in range(9)]  # noqa: RUF012

    def __init__(self, anchors: dict[int, tuple[float, list[float]]]) -> None:
        self._anchors = anchors

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = [
            np.zeros((2 * (32 // stride) ** 2, width), np.float32)
            for width in (1, 4, 10)
            for stride in (8, 16, 32)
        ]
        for anchor, (score, edges) in self._anchors.items():
            made[0][anchor], made[3][anchor], made[6][anchor] = score, edges, [0.5, 0] * 5
        return made


def detected(anchors: dict[int, tuple[float, list[float]]]) -> Detections:
    return Scrfd(_OneMap(anchors), name="made").detect(np.zeros((32, 32, 3), np.uint8))


def test_an_anchor_of_scrfd_is_read_as_distances_to_its_edges() -> None:
    faces = detected({11: (0.9, [1, 0.5, 2, 1.5])})  # the second anchor in row 1, column 1
    assert faces.boxes.tolist() == [[0, 4, 24, 16]]
    assert faces.landmarks.tolist() == [[[12, 8]] * 5]
    assert faces.scores.tolist() == [pytest.approx(0.9)]


@pytest.mark.parametrize(("apart", "count"), [(0.43, 2), (0.41, 1)])
def test_of_two_faces_of_scrfd_that_share_more_than_0_4_one_stays(apart: float, count: int) -> None:
    """Two squares of one cell, ``apart`` of their side from each other, share (1-a) / (1+a)."""
    one, other = [0.0, 0, 1, 1], [-apart, 0, 1 + apart, 1]
    assert len(detected({10: (0.9, one), 11: (0.8, other)})) == count


def test_scrfds_scores_are_those_of_docs_finding() -> None:
    assert Scrfd.scores == Scores(
        alone=0.5, agreed=0.4, support=0.3, sure=0.7, upright=0.76, exact_from=80, closer=False
    )
    assert len(detected({0: (0.299, [0, 0, 1, 1]), 20: (0.301, [0, 0, 1, 1])})) == 1


def test_scrfd_is_fed_values_around_0_as_insightface_scales_them() -> None:
    white = SCALING.planes(np.full((32, 32, 3), 255, np.uint8))
    assert np.unique(white).tolist() == [127.5 / 128]


def test_an_interleaved_batch_is_told_apart() -> None:
    cells, images, anchors, width = 6, 3, 2, 4
    apart = np.arange(images * cells * anchors * width).reshape(images, cells, anchors, width)
    folded = apart.transpose(1, 0, 2, 3).reshape(-1, width)
    [told] = by_image([folded], images)
    np.testing.assert_array_equal(told, apart.reshape(images, -1, width))


@pytest.mark.parametrize("size", ["2.5g", "500m"])
def test_scrfd_finds_six_friends(samples: Path, data: Path, size: str) -> None:
    image = group_photo(samples)
    detector = scrfd(scrfd_path(data, size))
    faces = search_image(image, detector, PROFILES["balanced"]).faces
    assert len(faces) == SIX_FRIENDS
    require_sane(faces, image)


def some_photos(samples: Path, data: Path) -> list[Image]:
    files = sorted((data / "data" / "wider_dev" / "images").rglob("*.jpg"))[::40][:4]
    return [group_photo(samples), *(pixels_of(file) for file in files)]


@pytest.mark.insightface
@pytest.mark.parametrize("size", ["2.5g", "500m"])
def test_one_pass_of_scrfd_is_insightfaces(samples: Path, data: Path, size: str) -> None:
    model_zoo = pytest.importorskip("insightface.model_zoo")
    path = scrfd_path(data, size)
    ours, theirs = scrfd(path), model_zoo.get_model(str(path), providers=["CPUExecutionProvider"])
    theirs.prepare(-1, det_thresh=0.5, input_size=(640, 640))
    for image in some_photos(samples, data):
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
