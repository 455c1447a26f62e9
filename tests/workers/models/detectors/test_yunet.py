import cv2
import numpy as np
import pytest

from tests.workers.models.detectors.places import SIX_FRIENDS, require_same_places, require_sane
from tests.workers.networks import shipped
from tests.workers.pictures import group_photo
from workers.faces.detection import PROFILES, search_image
from workers.models.detectors.yunet import SCALING, YuNet
from workers.models.onnx.prepare import prepare
from workers.models.session import open_session


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    model = prepare(shipped("yunet"), "yunet", free_size=True)
    return YuNet(open_session(SCALING.built_into(model, "yunet"), "cpu", name="yunet"))


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
