import cv2
import numpy as np
import pytest

from headcount.errors import FatalError
from tests.workers.networks import detector_like, made_scrfd, shipped
from tests.workers.pictures import noise
from workers.models.detectors.device_form import BEST, STRIDES
from workers.models.detectors.scrfd import scrfd_form
from workers.models.detectors.yunet import yunet_form
from workers.models.onnx.pixels import PIXELS
from workers.models.onnx.prepare import parse, prepare
from workers.models.session import Session, open_session


def session_of(data: bytes) -> Session:
    return open_session(data, "cpu", name="made.onnx")


def test_a_detector_without_landmarks_has_no_such_form() -> None:
    with pytest.raises(FatalError, match="no landmarks"):
        scrfd_form(shipped("sface"), "sface")


def test_yunets_best_cells_hold_every_face_of_its_maps() -> None:
    ready = prepare(shipped("yunet"), "yunet", free_size=True)
    plain, form = session_of(ready), session_of(yunet_form(ready, "yunet"))
    image = cv2.GaussianBlur(noise(320, 224, 5), (0, 0), 9)
    outputs = dict(
        zip(
            plain.outputs,
            plain.run({"input": image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)}),
            strict=True,
        )
    )
    scores = np.concatenate(
        [
            np.sqrt(outputs[f"cls_{s}"].clip(0, 1) * outputs[f"obj_{s}"].clip(0, 1))[0, :, 0]
            for s in (8, 16, 32)
        ]
    )
    boxes = np.concatenate([outputs[f"bbox_{s}"][0] for s in (8, 16, 32)])
    points = np.concatenate([outputs[f"kps_{s}"][0] for s in (8, 16, 32)])
    pixels = np.dstack([image, np.ones(image.shape[:2], np.uint8)])
    (found,), (cells,) = form.run({PIXELS: pixels[None]})
    count = len(scores)
    assert count < BEST
    assert sorted(cells[:count].tolist()) == list(range(count))
    np.testing.assert_allclose(found[:count, 0], scores[cells[:count]], atol=1e-4)
    np.testing.assert_allclose(found[:count, 1:5], boxes[cells[:count]], atol=1e-3)
    np.testing.assert_allclose(found[:count, 5:], points[cells[:count]], atol=1e-3)
    assert (found[count:, 0] == -1).all()


@pytest.mark.parametrize("detector", ["scrfd", "yunet"])
def test_cells_outside_the_image_have_no_score(detector: str) -> None:
    anchors = {"scrfd": 2, "yunet": 1}[detector]
    if detector == "scrfd":
        form = scrfd_form(prepare(made_scrfd(score_bias=3.0), "made", free_size=True), "made")
    else:
        form = yunet_form(prepare(shipped("yunet"), "yunet", free_size=True), "yunet")
    pixels = np.zeros((1, 128, 192, 4), np.uint8)
    pixels[0, :96, :64] = np.dstack([noise(64, 96), np.ones((96, 64), np.uint8)])
    (found,), (cells,) = session_of(form).run({PIXELS: pixels})
    real = found[:, 0] >= 0  # what is not filled up
    inside = np.concatenate(
        [
            np.repeat((np.mgrid[:128:s, :192:s] < [[[96]], [[64]]]).all(axis=0), anchors)
            for s in STRIDES
        ]
    )[cells[real]]
    assert inside.sum() == anchors * sum((96 // s) * (64 // s) for s in STRIDES)
    assert (found[real, 0][inside] > 0).all()
    assert (found[real, 0][~inside] == 0).all()


def test_a_network_of_an_old_opset_has_no_such_form() -> None:
    model = parse(shipped("yunet"), "yunet")
    model.opset_import[0].version = 10
    with pytest.raises(FatalError, match="has opset 10, below 11"):
        yunet_form(model.SerializeToString(), "yunet")


def test_heads_that_are_not_scrfds_are_refused() -> None:
    with pytest.raises(FatalError, match="heads of the detector odd are not those of an SCRFD"):
        scrfd_form(detector_like(9), "odd")
