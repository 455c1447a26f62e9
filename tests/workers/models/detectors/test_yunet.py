from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.workers.models.detectors.places import SIX_FRIENDS, require_same_places, require_sane
from tests.workers.networks import shipped
from tests.workers.pictures import group_photo
from workers.faces.detection import PROFILES, search_image
from workers.models.base import Detections, Scores
from workers.models.detectors.yunet import KINDS, SCALING, YuNet
from workers.models.onnx.prepare import prepare
from workers.models.session import open_session


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    model = prepare(shipped("yunet"), "yunet", free_size=True)
    return YuNet(open_session(SCALING.built_into(model, "yunet"), "cpu", name="yunet"))


class _OneMap:
    """A network that gives a YuNet's outputs for 32 x 32 pixels: faces in cells of stride 8."""

    provider, inputs = "CPU", {"pixels": [None, None, None, 3]}
    outputs = [f"{kind}_{stride}" for kind in KINDS for stride in (8, 16, 32)]  # noqa: RUF012

    def __init__(self, cells: dict[int, tuple[float, float, float]]) -> None:
        self._cells = cells

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
        made = {
            f"{kind}_{stride}": np.zeros((1, (32 // stride) ** 2, width), np.float32)
            for kind, width in widths.items()
            for stride in (8, 16, 32)
        }
        for cell, (score, right, size) in self._cells.items():
            made["cls_8"][0, cell] = made["obj_8"][0, cell] = score
            made["bbox_8"][0, cell] = [right, 0, np.log(size), np.log(size)]
            made["kps_8"][0, cell] = [1, 0] * 5
        return [made[name] for name in self.outputs]


def detected(cells: dict[int, tuple[float, float, float]]) -> Detections:
    return YuNet(_OneMap(cells)).detect(np.zeros((32, 32, 3), np.uint8))


def test_a_cell_of_yunet_is_read_as_centre_logarithm_of_size_and_steps() -> None:
    faces = detected({5: (0.9, 0.5, 2)})  # the cell in row 1, column 1, of 8 pixels
    assert faces.boxes.tolist() == [[pytest.approx(4), 0, pytest.approx(16), pytest.approx(16)]]
    assert faces.landmarks.tolist() == [[[16, 8]] * 5]
    assert faces.scores.tolist() == [pytest.approx(0.9)]


@pytest.mark.parametrize(("apart", "count"), [(0.43, 2), (0.41, 1)])
def test_of_two_faces_of_yunet_that_share_more_than_0_4_one_stays(apart: float, count: int) -> None:
    """Two squares of one cell, ``apart`` of their side from each other, share (1-a) / (1+a)."""
    assert len(detected({5: (0.9, 0, 1), 6: (0.8, apart - 1, 1)})) == count


def test_yunets_scores_are_those_of_docs_finding() -> None:
    assert YuNet.scores == Scores(
        alone=0.6, agreed=0.5, support=0.4, sure=0.8, upright=0.915, exact_from=64
    )
    assert len(detected({5: (0.399, 0, 1), 10: (0.401, 0, 1)})) == 1


def test_yunet_is_fed_plain_values_blue_first() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    assert SCALING.planes(red)[0, :, 0, 0].tolist() == [0, 0, 200]


def test_yunet_finds_six_friends(samples: Path, yunet: YuNet) -> None:
    image = group_photo(samples)
    faces = search_image(image, yunet, PROFILES["balanced"]).faces
    assert len(faces) == SIX_FRIENDS
    require_sane(faces, image)


def test_one_pass_of_yunet_is_opencvs(samples: Path, yunet: YuNet) -> None:
    image = group_photo(samples)
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


@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_yunet_finds_the_same_faces_at_other_sizes(
    samples: Path, yunet: YuNet, scale: float
) -> None:
    image = group_photo(samples)
    resized = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
    there, here = (
        search_image(picture, yunet, PROFILES["balanced"]).faces for picture in (resized, image)
    )
    assert len(there) == SIX_FRIENDS
    require_same_places(there.boxes / scale, here.boxes, within=25)
