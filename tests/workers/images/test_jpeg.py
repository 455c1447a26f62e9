import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.workers.pictures import jpeg, noise, scene, stored_turned
from workers.images import decode as decode_module
from workers.images import jpeg as jpeg_module
from workers.images.decode import decode
from workers.images.jpeg import decode_jpeg
from workers.models.base import Image

PIXELS = 50_000_000


def by_pillow(data: bytes, factor: int) -> Image:
    picture = Pillow.open(io.BytesIO(data))
    if factor > 1:
        picture.draft(None, (picture.width // factor, picture.height // factor))
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(640, 480), (641, 479), (33, 17)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_the_pixels_are_pillows(
    factor: int, size: tuple[int, int], options: dict[str, object]
) -> None:
    data = jpeg(scene(*size), **options)
    image = decode_jpeg(data, *size, factor)
    assert image is not None
    pillows = by_pillow(data, factor)
    assert image.shape == pillows.shape
    assert np.abs(image.astype(int) - pillows).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("least", [0, 100])
def test_with_and_without_the_short_way_a_photo_is_the_same(
    orientation: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = stored_turned(scene(640, 360), orientation)
    quick = decode(data, max_pixels=PIXELS, min_long_side=least)
    monkeypatch.setattr(decode_module, "decode_jpeg", lambda *_: None)
    slow = decode(data, max_pixels=PIXELS, min_long_side=least)
    assert (quick.scale, quick.width, quick.height) == (slow.scale, slow.width, slow.height)
    assert quick.image.shape == slow.image.shape
    assert np.abs(quick.image.astype(int) - slow.image).max() <= 2


def test_of_a_damaged_file_nothing_is_given() -> None:
    data = jpeg(noise(64, 64))
    assert decode_jpeg(data[: len(data) // 2], 64, 64, 1) is None
    assert decode_jpeg(b"no photo", 64, 64, 1) is None


def test_a_size_other_than_the_headers_is_not_believed() -> None:
    assert decode_jpeg(jpeg(noise(64, 64)), 60, 64, 1) is None


def decoded(seed: int, width: int = 64, height: int = 48) -> Image:
    image = decode_jpeg(jpeg(noise(width, height, seed)), width, height, 1)
    assert image is not None
    return image


def test_an_image_that_is_held_is_not_written_over() -> None:
    first = decoded(1)
    before = first.copy()
    decoded(2)
    assert np.array_equal(first, before)


def test_a_part_of_an_image_is_not_written_over_either() -> None:
    part = decoded(1)[8:16, :, ::-1]
    before = part.copy()
    decoded(2)
    decoded(3, width=32)
    assert np.array_equal(part, before)


def test_what_nobody_holds_is_the_memory_of_the_next_image() -> None:
    place = decoded(1).__array_interface__["data"][0]
    assert decoded(2).__array_interface__["data"][0] == place
    assert decoded(3, width=32).__array_interface__["data"][0] == place


def test_threads_share_no_memory() -> None:
    here = decoded(1)
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(decoded, 2).result()
    assert not np.shares_memory(here, there)
    assert np.array_equal(there, decoded(2))


def test_of_very_large_images_no_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_module, "KEPT_BYTES", 1000)
    small = decoded(1, 16, 16)
    large = decoded(2)
    assert not np.shares_memory(large, decoded(3))
    place = small.__array_interface__["data"][0]
    del small
    assert decoded(4, 16, 16).__array_interface__["data"][0] == place
