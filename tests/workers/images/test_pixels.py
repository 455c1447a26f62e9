import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.workers.pictures import noise, scene
from workers.images.decode import decode
from workers.images.pixels import depth_of, scaled
from workers.models.base import Image


def decoded(data: bytes) -> Image:
    return decode(data, max_pixels=10**6, min_long_side=0).image


def bmp(picture: Image, cover: NDArray[np.uint8], header: int) -> bytes:
    """A BMP of 32 bits whose masks say that the fourth channel is transparency."""
    layers = np.concatenate([picture[..., ::-1], cover[..., None]], axis=2)[::-1].tobytes()
    height, width = picture.shape[:2]
    sizes = (header, width, height, 1, 32, 3, len(layers), 0, 0, 0, 0)
    info = struct.pack("<IiiHHIIiiII4I", *sizes, 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = b"BM" + struct.pack("<IHHI", 14 + header + len(layers), 0, 0, 14 + header)
    return head + info.ljust(header, b"\0") + layers


@pytest.mark.parametrize("header", [56, 108, 124])
@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_or_full_fourth_channel_of_a_bmp_hides_nothing(header: int, level: int) -> None:
    picture = noise(31, 17)
    data = bmp(picture, np.full((17, 31), level, np.uint8), header)
    np.testing.assert_array_equal(decoded(data), picture)


def test_a_fourth_channel_of_a_bmp_that_is_used_is_transparency() -> None:
    cover = np.zeros((17, 31), np.uint8)
    cover[5:] = 255
    image = decoded(bmp(scene(31, 17), cover, 124))
    assert (image[:5] == 255).all()
    np.testing.assert_array_equal(image[5:], scene(31, 17)[5:])


@pytest.mark.parametrize("top", [1, 15, 255, 1023, 65535])
def test_a_netpbm_picture_is_scaled_by_its_largest_value(top: int) -> None:
    levels = np.arange(top + 1 if top < 255 else 256) * (top if top >= 255 else 255) // 255
    row = levels if top >= 255 else np.arange(top + 1)
    data = f"P5\n{len(row)} 2\n{top}\n".encode()
    data += np.stack([row, row]).astype(">u2" if top > 255 else "u1").tobytes()
    expected = row * 255 / top
    assert np.abs(decoded(data)[0, :, 0] - expected).max() <= 1


@pytest.mark.parametrize("order", "<>")
def test_a_grey_pfm_is_scaled_from_0_to_1(order: str) -> None:
    levels = (np.arange(256) / 255).astype(f"{order}f4")
    head = f"Pf\n256 2\n{'-1.0' if order == '<' else '1.0'}\n".encode()
    image = decoded(head + 2 * levels.tobytes())
    assert np.abs(image[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [
        (0, 0, (0, 1)),
        (0.2, 0.7, (0, 1)),
        (3, 200, (0, 255)),
        (0, 256, (0, 65535)),
        (0, 65536, (0, 65536)),
        (-1, 1, (-1, 1)),
        (float("inf"), float("-inf"), (0, 1)),
    ],
)
def test_black_and_white_are_those_of_the_depth_or_the_extremes(
    low: float, high: float, ends: tuple[float, float]
) -> None:
    assert depth_of(low, high) == ends


def test_numbers_out_of_the_range_are_black_or_white() -> None:
    values = np.array([[-5.0, 0, 0.5, 1, 9, np.nan, np.inf, -np.inf]])
    assert scaled(values, 0, 1).tolist() == [[0, 0, 127, 255, 255, 0, 255, 0]]
