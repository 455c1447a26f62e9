"""The turn of a photo: told truly, whatever said it, so that boxes can be brought back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL.PngImagePlugin import PngInfo

from headcount.contract.frames import Box4, Frame, moved_box
from tests.workers.pictures import encoded, stored_turned, turned, turned_by_exif
from workers.images.decode import Decoded, decode
from workers.images.turns import as_stored
from workers.models.base import Image

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")
BOXED = ("HEIF", "AVIF")
MARK = (60, 22, 48, 30)
"""Left, top, width and height of the marked rectangle in the upright picture."""

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)

ARTIST = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x3b\0\2\0\0\0\4Ann\0\0\0\0\0"
"""EXIF of one tag, the photographer's name."""


def marked() -> Image:
    picture = np.full((120, 200, 3), 20, np.uint8)
    left, top, width, height = MARK
    picture[top : top + height, left : left + width] = 230
    return picture


def mark_in(picture: Image) -> Box4:
    rows, columns = (np.flatnonzero((picture[:, :, 1] > 125).any(axis)) for axis in (1, 0))
    left, top = float(columns[0]), float(rows[0])
    return left, top, columns[-1] + 1 - left, rows[-1] + 1 - top


def decoded(data: bytes) -> Decoded:
    return decode(data, max_pixels=1_000_000, min_long_side=0)


def brought_back(photo: Decoded) -> Box4:
    """The mark of an upright photo, in the pixels as the file stores them."""
    frame = Frame(photo.width, photo.height, photo.orientation)
    return moved_box(mark_in(photo.image), frame, Frame(*photo.stored, 1))


def is_right(photo: Decoded, orientation: int) -> bool:
    stored = np.asarray(turned(marked(), orientation))
    back = brought_back(photo)
    return (
        photo.orientation == orientation
        and photo.stored == (stored.shape[1], stored.shape[0])
        and bool(np.abs(np.subtract(mark_in(photo.image), MARK)).max() <= 2)
        and bool(np.abs(np.subtract(back, mark_in(stored))).max() <= 2)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_is_brought_back_to_the_stored_pixels(kind: str, orientation: int) -> None:
    assert is_right(decoded(stored_turned(marked(), orientation, kind)), orientation)


@pytest.mark.parametrize("kind", BOXED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_alone_turns_a_picture_without_turning_boxes(kind: str, orientation: int) -> None:
    data = turned_by_exif(turned(marked(), orientation), orientation, kind)
    assert b"irot" not in data
    assert b"imir" not in data
    assert is_right(decoded(data), orientation)


@pytest.mark.parametrize("kind", BOXED)
@pytest.mark.parametrize("box", range(2, 9))
@pytest.mark.parametrize("exif", [1, 3, 6, 8])
def test_the_boxes_overrule_exif(kind: str, box: int, exif: int) -> None:
    data = turned_by_exif(turned(marked(), box), exif, kind, box)
    assert b"irot" in data or b"imir" in data
    assert is_right(decoded(data), box)


@pytest.mark.parametrize("kind", BOXED)
@pytest.mark.parametrize("artist", ["Vladimir Petrov", "P. Sirotkin"])
def test_letters_of_a_box_in_a_name_are_no_box(kind: str, artist: str) -> None:
    data = turned_by_exif(turned(marked(), 6), 6, kind, artist=artist)
    assert b"irot" in data or b"imir" in data
    assert is_right(decoded(data), 6)


@pytest.mark.parametrize("exif", [b"", ARTIST], ids=["no EXIF", "EXIF without orientation"])
@pytest.mark.parametrize("kind", KINDS)
def test_xmp_alone_turns_nothing(kind: str, exif: bytes) -> None:
    stored = turned(marked(), 1)
    also = {"exif": exif} if exif and kind != "TIFF" else {}
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP)
    ways = {"TIFF": {"tiffinfo": {700: XMP.encode()}}, "PNG": {"pnginfo": text}}
    if kind == "HEIF":  # its encoder would make a box of it
        plain = encoded(stored, kind, xmp=XMP.replace('"6"', '"1"').encode(), **also)
        data = plain.replace(b'tiff:Orientation="1"', b'tiff:Orientation="6"')
    else:
        data = encoded(stored, kind, **ways.get(kind, {"xmp": XMP.encode()}), **also)
    assert b'tiff:Orientation="6"' in data
    assert is_right(decoded(data), 1)


def test_our_own_turn_counts_too() -> None:
    sideways = decoded(stored_turned(marked(), 1)).turned(3)
    assert sideways.orientation == 6
    assert sideways.stored == (200, 120)
    assert np.abs(np.subtract(brought_back(sideways), MARK)).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_upright_image_is_seen_as_it_was_stored(orientation: int) -> None:
    stored = np.asarray(turned(marked(), orientation))
    assert np.array_equal(as_stored(marked(), orientation), stored)
