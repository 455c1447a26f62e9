import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest

from headcount.errors import FatalError
from headcount.settings import Settings
from tests.workers.networks import detector_like, made_scrfd, scrfd_bytes, shipped
from tests.workers.pictures import noise
from workers.faces.detection import PROFILES, search_image
from workers.models import detectors
from workers.models.base import Detections, Detector, Image, Scores
from workers.models.detectors.families import FAMILIES, family_of, match_family
from workers.models.detectors.family import DetectorFamily, PixelScaling
from workers.models.detectors.scrfd import FAMILY as SCRFD
from workers.models.detectors.yunet import FAMILY as YUNET
from workers.models.model_file import ModelFile
from workers.models.onnx.prepare import parse
from workers.models.packs.files import kind_of
from workers.models.packs.open import detector_blob, open_detector

THOROUGH = PROFILES["thorough"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"), provider="cpu")


def test_each_module_of_a_family_is_in_the_list() -> None:
    names = [info.name for info in pkgutil.iter_modules(detectors.__path__)]
    modules = [importlib.import_module(f"{detectors.__name__}.{name}") for name in names]
    assert [module.FAMILY for module in modules if hasattr(module, "FAMILY")] == list(FAMILIES)


@pytest.mark.parametrize(
    ("data", "family"),
    [
        (shipped("yunet"), YUNET),
        (made_scrfd(), SCRFD),
        (detector_like(6), SCRFD),
        (shipped("sface"), None),
        (detector_like(3), None),
    ],
    ids=["yunet", "scrfd", "scrfd without landmarks", "sface", "another"],
)
def test_a_network_is_of_one_family_or_of_none(data: bytes, family: DetectorFamily | None) -> None:
    model = parse(data, "made.onnx")
    assert match_family(model) is family
    assert sum(each.matches(model) for each in FAMILIES) == (family is not None)


def test_a_network_of_no_family_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(FatalError, match=r"odd\.onnx .*: SCRFD with landmarks, or YuNet"):
        family_of(ModelFile("odd.onnx", detector_like(3)))


# -- a family that is made up ---------------------------------------------------------------------


class _Corner:
    """Detects one face, in the upper left corner of whatever it is shown."""

    scores, largest = (
        Scores(alone=0.5, agreed=0.4, support=0.3, sure=0.7, upright=0.7, exact_from=64),
        None,
    )

    def detect(self, image: Image) -> Detections:
        marks = np.arange(10, dtype=np.float32).reshape(1, 5, 2)
        return Detections(np.float32([[0, 0, 9, 9]]), marks, np.float32([0.9]))


def open_corner(file: ModelFile, settings: Settings) -> Detector:
    assert len(parse(file.data, file.name).graph.output) == 3
    return _Corner()


CORNER = DetectorFamily(
    "Corner",
    lambda model: len(model.graph.output) == 3,
    PixelScaling(mean=7, bgr=True),
    open_corner,
)


def test_a_further_family_is_told_fed_and_opened_beside_the_others(settings: Settings) -> None:
    families = (*FAMILIES, CORNER)
    file, yunet = ModelFile("made", detector_like(3)), ModelFile("yunet", shipped("yunet"))
    assert kind_of(parse(file.data, file.name)) == "other"
    assert kind_of(parse(file.data, file.name), families) == "detector"
    image = noise(40, 33)
    planes = detector_blob(file, image, families)
    assert planes.shape == (1, 3, 64, 64)
    np.testing.assert_array_equal(planes[0, 0, :33, :40], image[..., 2] - np.float32(7))
    detector = open_detector(file, settings, families)
    assert search_image(image, detector, PROFILES["fast"]).faces.boxes.tolist() == [[0, 0, 9, 9]]
    assert family_of(yunet, families) is YUNET


# -- what every family keeps to -------------------------------------------------------------------


@pytest.fixture(scope="module", params=["yunet", "scrfd"])
def detector(request: pytest.FixtureRequest, real: Path | None, settings: Settings) -> Detector:
    if request.param == "yunet":
        return open_detector(ModelFile("yunet", shipped("yunet")), settings)
    return open_detector(ModelFile("scrfd", scrfd_bytes(real, "500m")), settings)


@pytest.mark.parametrize("size", [(640, 480), (5, 5), (1, 1), (2000, 3), (3, 2000)])
def test_a_black_picture_of_any_shape_has_no_face(
    detector: Detector, size: tuple[int, int]
) -> None:
    faces = search_image(np.zeros((size[1], size[0], 3), np.uint8), detector, THOROUGH).faces
    assert len(faces) == 0
    assert faces.boxes.shape == (0, 4)
    assert faces.landmarks.shape == (0, 5, 2)


@pytest.mark.parametrize("size", [(5, 5), (1, 1), (2000, 3), (3, 2000), (33, 31)])
def test_noise_of_any_shape_does_not_crash(detector: Detector, size: tuple[int, int]) -> None:
    found = search_image(noise(*size), detector, THOROUGH)
    assert np.isfinite(found.faces.boxes).all()
