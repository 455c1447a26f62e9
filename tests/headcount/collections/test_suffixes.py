"""Suffixes of photos, and of images of other kinds."""

import io

import numpy as np
import pytest
from PIL import Image

from headcount.collections.suffixes import (
    OTHER_SUFFIXES,
    PHOTO_SUFFIXES,
    is_other_image,
    is_photo,
    suffix_of,
)
from workers.images.decode import decode

WRITTEN = {
    "jp2": ("JPEG2000", "RGB"),
    "jpx": ("JPEG2000", "RGB"),
    "j2k": ("JPEG2000", "RGB"),
    "j2c": ("JPEG2000", "RGB"),
    "jpc": ("JPEG2000", "L"),
    "dib": ("DIB", "RGB"),
    "ppm": ("PPM", "RGB"),
    "pnm": ("PPM", "RGB"),
    "pgm": ("PPM", "L"),
    "pbm": ("PPM", "1"),
    "mpo": ("MPO", "RGB"),
    "jfi": ("JPEG", "RGB"),
}
"""The format in which Pillow writes a file of a suffix, and the mode of its pixels."""


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_file_of_a_suffix_that_counts_is_read_right(suffix: str) -> None:
    kind, mode = WRITTEN[suffix]
    assert is_photo(f"a.{suffix}")
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, :24] = 255
    file = io.BytesIO()
    more = {"no_jp2": True} if suffix in ("j2k", "j2c", "jpc") else {}
    Image.fromarray(pixels).convert(mode).save(file, kind, **more)
    found = decode(file.getvalue(), max_pixels=10**6, min_long_side=0)
    assert found.image.shape == (32, 48, 3)
    assert np.abs(found.image.astype(int) - pixels).mean() < 2


def test_photos_are_told_by_their_suffix_in_any_case() -> None:
    assert is_photo("a/b.JPG")
    assert is_photo("x.heic")
    assert not is_photo("notes.txt")
    assert not is_photo("jpg")


@pytest.mark.parametrize(
    "name", ["mpo", "jps", "insp", "pjpeg", "jfi", "jp2", "j2k", "jpx", "ppm", "pgm", "rwl", "dib"]
)
def test_what_the_decoder_reads_is_a_photo(name: str) -> None:
    assert is_photo(f"a/b.{name}")
    assert not is_other_image(f"a/b.{name}")


@pytest.mark.parametrize(
    "name", ["jxl", "psd", "3fr", "iiq", "x3f", "crw", "gpr", "tga", "thm", "svg"]
)
def test_images_of_other_kinds_are_no_photos_and_are_known_as_images(name: str) -> None:
    assert not is_photo(f"a/b.{name}")
    assert is_other_image(f"a/B.{name.upper()}")


def test_a_suffix_is_in_one_of_the_lists_at_most() -> None:
    assert not PHOTO_SUFFIXES & OTHER_SUFFIXES
    assert all(s.startswith(".") and s == s.lower() for s in PHOTO_SUFFIXES | OTHER_SUFFIXES)
    cases = {"a.b/c": "", "a/.jpg": "", "a.": "", "a.b.JPG": ".jpg", "a/..jpg": ".jpg", "": ""}
    assert {key: suffix_of(key) for key in cases} == cases
