"""Suffixes of photos, and of images of other kinds."""

import pytest

from headcount.collections.suffixes import (
    OTHER_SUFFIXES,
    PHOTO_SUFFIXES,
    is_other_image,
    is_photo,
    suffix_of,
)


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
