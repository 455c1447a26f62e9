from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from tests.workers.networks import made_scrfd, scrfd_bytes, shipped
from tests.workers.pictures import noise
from workers.faces.analysis import Analysis, analyse
from workers.models.base import Detections, Detector, Image
from workers.models.detectors.batched import (
    LONG_SIDES,
    MOST,
    BatchedDetector,
    Block,
    padded_shape,
    shape_range,
)
from workers.models.detectors.device_form import IMAGE, UNREAD
from workers.models.detectors.scrfd import MAPS, SCALING, Scrfd, scrfd_form
from workers.models.model_file import ModelFile
from workers.models.onnx.prepare import prepare
from workers.models.packs.open import open_detector, open_pack, open_recogniser
from workers.models.session import Session, open_session


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Each image and each photo's faces by themselves: the way of a CPU."""
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"), provider="cpu", batching="off")


@pytest.fixture(scope="module")
def batching(plain: Settings) -> Settings:
    """The way of a GPU, on the CPU."""
    return plain.model_copy(update={"batching": "on"})


def session_of(data: bytes) -> Session:
    return open_session(data, "cpu", name="made.onnx")


def require_same(some: Detections, others: Detections) -> None:
    """Equal faces, but for the rounding of another order of sums."""
    assert len(some) == len(others)
    np.testing.assert_allclose(some.scores, others.scores, atol=1e-4)
    np.testing.assert_allclose(some.boxes, others.boxes, atol=0.02)
    np.testing.assert_allclose(some.landmarks, others.landmarks, atol=0.02)


def pictures(*sizes: tuple[int, int]) -> list[Image]:
    return [noise(width, height, seed) for seed, (width, height) in enumerate(sizes)]


def detected_together(detector: Detector, images: list[Image]) -> list[Detections]:
    with ThreadPoolExecutor(len(images)) as pool:
        return list(pool.map(detector.detect, images))


# -- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "padded"),
    [
        ((427, 640), (480, 640)),
        ((640, 427), (640, 480)),
        ((360, 640), (480, 640)),
        ((640, 640), (640, 640)),
        ((1, 1), (192, 256)),
        ((1086, 1448), (1120, 1472)),
        ((1664, 1536), (1664, 1664)),
        ((2049, 30), (2560, 1920)),
    ],
)
def test_images_are_padded_to_one_of_few_shapes(
    size: tuple[int, int], padded: tuple[int, int]
) -> None:
    assert padded_shape(*size) == padded


def test_a_thousand_sizes_have_few_shapes_and_each_fits() -> None:
    sizes = np.random.default_rng(0).integers(1, 2049, (1000, 2)).tolist()
    shapes = [padded_shape(height, width) for height, width in sizes]
    assert len(set(shapes)) <= len(LONG_SIDES) * 3
    for (height, width), (down, right) in zip(sizes, shapes, strict=True):
        assert height <= down
        assert width <= right
        assert down % 32 == right % 32 == 0


def test_engines_are_made_for_every_shape_and_batch() -> None:
    shapes = shape_range()
    for height, width in ((1, 2), (640, 480), (1664, 1664), (1100, 2048)):
        image = padded_shape(height, width)
        for batch in (1, MOST):
            needed = zip((batch, *image, 4), shapes.smallest, shapes.largest, strict=True)
            assert all(low <= size <= high for size, low, high in needed)


# -- made detectors -----------------------------------------------------------------------------


@pytest.mark.parametrize("folded", [False, True], ids=["by image", "interleaved"])
def test_images_looked_at_together_give_what_each_gives_alone(folded: bool) -> None:
    ready = prepare(made_scrfd(side=256, folded=folded), "made", free_size=True)
    pixels = SCALING.built_into(ready, "made")
    alone = Scrfd(session_of(pixels), name="made")
    together = BatchedDetector(session_of(scrfd_form(ready, "made")), MAPS, name="made")
    images = pictures(*[(256, 160)] * 6, (160, 256), (200, 150), (250, 200))
    found = detected_together(together, images)
    for image, faces in zip(images, found, strict=True):
        assert len(faces) > 20
        require_same(faces, alone.detect(image))


def test_a_wide_margin_takes_no_unsure_face_from_an_image() -> None:
    """Its biases alone give each cell a score above ``support``, as those of SCRFD-2.5g do."""
    ready = prepare(made_scrfd(score_bias=-0.3), "made", free_size=True)
    alone = Scrfd(session_of(SCALING.built_into(ready, "made")), name="made")
    together = BatchedDetector(session_of(scrfd_form(ready, "made")), MAPS, name="made")
    (image,) = pictures((300, 200))
    expected = alone.detect(image)
    assert (expected.scores < 0.4).sum() > 5
    require_same(together.detect(image), expected)


@pytest.mark.parametrize("size", [(640, 480), (224, 640)], ids=["wide", "high"])
def test_a_crowd_of_more_good_cells_than_come_back_is_found_whole(size: tuple[int, int]) -> None:
    ready = prepare(made_scrfd(score_bias=1.0), "made", free_size=True)
    alone = Scrfd(session_of(SCALING.built_into(ready, "made")), name="made")
    together = BatchedDetector(session_of(scrfd_form(ready, "made")), MAPS, name="made")
    images = pictures(size, size)
    expected = [alone.detect(image) for image in images]
    assert min(map(len, expected)) > 500
    for faces, others in zip(detected_together(together, images), expected, strict=True):
        require_same(faces, others)


def test_halves_make_up_their_block_and_end_between_cells() -> None:
    for block in (Block(0, 0, 96, 64), Block(32, 64, 64, 352)):
        one, other = block.halves()
        marks = np.zeros((96, 352, 4), np.uint8)
        marks[..., 3] = UNREAD
        read = [half.alone_read(marks)[..., 3] == IMAGE for half in (one, other)]
        whole = block.alone_read(marks)[..., 3] == IMAGE
        assert not (read[0] & read[1]).any()
        assert ((read[0] | read[1]) == whole).all()
        sides = [s for half in (one, other) for s in (half.top, half.left, half.bottom, half.right)]
        assert all(side % 32 == 0 for side in sides)
        assert read[0].any() and read[1].any()


def test_a_detector_that_keeps_one_image_only_is_refused_and_run_alone(
    plain: Settings, batching: Settings
) -> None:
    file = ModelFile("odd.onnx", made_scrfd(side=256, fixed_inside=True))
    (image,) = pictures((256, 256))
    detector = open_detector(file, batching)
    assert isinstance(detector, Scrfd)
    require_same(detector.detect(image), open_detector(file, plain).detect(image))


# -- the embedded pack and real SCRFD -----------------------------------------------------------


def test_yunet_finds_the_same_in_noise_of_any_shape(plain: Settings, batching: Settings) -> None:
    file = ModelFile("yunet", shipped("yunet"))
    alone, together = open_detector(file, plain), open_detector(file, batching)
    assert isinstance(together, BatchedDetector)
    for image in pictures((1, 1), (5, 300), (640, 480), (900, 33)):
        assert len(together.detect(image)) == len(alone.detect(image))


def test_crops_of_many_threads_get_the_descriptors_they_get_alone(
    plain: Settings, batching: Settings
) -> None:
    file = ModelFile("sface", shipped("sface"))
    alone, together = open_recogniser(file, plain), open_recogniser(file, batching)
    photos = [
        np.stack([noise(112, 112, 10 * n + k) for k in range(n % 4)] or [noise(112, 112, 1)])
        for n in range(12)
    ]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(together.embed, photos))
    for photo, embeddings in zip(photos, found, strict=True):
        assert ((embeddings * alone.embed(photo)).sum(axis=1) >= 0.9999).all()


def same_analysis(one: Analysis, other: Analysis) -> None:
    require_same(
        Detections(one.boxes, one.landmarks, one.scores),
        Detections(other.boxes, other.landmarks, other.scores),
    )
    assert one.passes == other.passes
    assert ((one.embeddings * other.embeddings).sum(axis=1) >= 0.9999).all()


def test_photos_analysed_together_are_what_they_are_alone(
    samples: Path, plain: Settings, batching: Settings
) -> None:
    alone, together = (open_pack("embedded", s, S3Settings()) for s in (plain, batching))
    assert together.record == alone.record
    photos = [path.read_bytes() for path in sorted((samples / "photos").glob("*.jpg"))]

    def analysed(data: bytes) -> Analysis:
        return analyse(data, together, max_pixels=10**8)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(analysed, photos))
    assert sum(len(analysis) for analysis in found) >= 10
    for data, analysis in zip(photos, found, strict=True):
        same_analysis(analysis, analyse(data, alone, max_pixels=10**8))


@pytest.fixture(params=["500m", "2.5g"])
def scrfd_file(request: pytest.FixtureRequest, real: Path | None) -> ModelFile:
    return ModelFile(f"scrfd-{request.param}", scrfd_bytes(real, request.param))


def test_scrfd_finds_the_same_together(
    scrfd_file: ModelFile, samples: Path, plain: Settings, batching: Settings
) -> None:
    alone, together = open_detector(scrfd_file, plain), open_detector(scrfd_file, batching)
    assert isinstance(together, BatchedDetector)
    assert together.largest is alone.largest is None
    images = []
    for photo in sorted((samples / "photos").glob("*.jpg")):
        image = cv2.imread(str(photo))[:, :, ::-1]
        scale = 640 / max(image.shape[:2])
        images.append(np.ascontiguousarray(cv2.resize(image, None, fx=scale, fy=scale)))
    expected = [alone.detect(image) for image in images]
    assert sum(len(faces) for faces in expected) >= 8
    for faces, others in zip(detected_together(together, images), expected, strict=True):
        require_same(faces, others)
