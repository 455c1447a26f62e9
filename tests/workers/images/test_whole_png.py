"""PNGs whose pixels are damaged are told from those that have a wrong checksum alone."""

import struct
import zlib

import numpy as np
import pytest

from headcount.errors import PhotoError
from tests.workers.pictures import encoded, noise, scene
from workers.images.decode import Decoded, decode


def decoded(data: bytes) -> Decoded:
    return decode(data, max_pixels=10**6, min_long_side=0)


def spans(data: bytes) -> list[tuple[int, int]]:
    """First byte, and the one after the last, of each IDAT's content."""
    found, at = [], 8
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if data[at + 4 : at + 8] == b"IDAT":
            found.append((at + 8, at + 8 + size))
        at += 12 + size
    return found


@pytest.mark.parametrize("kind", ["zeros", "other bytes", "a hole"])
@pytest.mark.parametrize("percent", [20, 50, 80, 95])
def test_pixels_that_are_damaged_are_no_photo(kind: str, percent: int) -> None:
    data = encoded(noise(300, 200), "PNG")
    (start, end), *_ = spans(data)
    at = start + (end - start) * percent // 100
    length = min(500, end - at)
    put = {"zeros": bytes(length), "other bytes": data[40 : 40 + length], "a hole": b""}[kind]
    with pytest.raises(PhotoError, match=r"damaged|truncated"):
        decoded(data[:at] + put + data[at + length :])


def test_pixels_whose_end_was_never_written_are_no_photo() -> None:
    data = encoded(noise(600, 400), "PNG")
    for percent in range(5, 100, 5):
        at = len(data) * percent // 100
        with pytest.raises(PhotoError, match=r"damaged|truncated"):
            decoded(data[:at] + bytes(len(data) - at))


def test_a_wrong_checksum_of_right_pixels_is_no_damage() -> None:
    picture = scene(60, 40)
    data = bytearray(encoded(picture, "PNG"))
    for _, end in spans(bytes(data)):
        data[end] ^= 0xFF
    np.testing.assert_array_equal(decoded(bytes(data)).image, picture)


def test_what_damaged_pixels_unpack_to_is_bounded() -> None:
    """Of a bomb with a wrong checksum only so much is unpacked as a photo may have."""
    head = encoded(scene(60, 40), "PNG")[:33]
    packed = zlib.compress(bytes(200_000_000), 9)
    data = head + struct.pack(">I", len(packed)) + b"IDAT" + packed + bytes(4)
    with pytest.raises(PhotoError, match="damaged"):
        decoded(data)
