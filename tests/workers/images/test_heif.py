"""HEIC and AVIF that are not whole: never taken for whole, whatever their decoder fills in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers.boxed import avif_of_tiles
from tests.workers.pictures import encoded, scene, turned_by_exif
from workers.images.boxes import Boxes, as_primary, read_boxes
from workers.images.decode import Decoded, decode
from workers.models.base import Image

SIDE = 64
"""Pixels of a tile's side; the pictures have 3 x 4 tiles."""


def decoded(data: bytes) -> Decoded:
    return decode(data, max_pixels=10_000_000, min_long_side=0)


def reason(data: bytes) -> str:
    with pytest.raises(PhotoError) as raised:
        decoded(data)
    assert raised.value.outcome is Outcome.UNREADABLE
    return raised.value.reason


def rough(width: int = 4 * SIDE, height: int = 3 * SIDE) -> Image:
    """A picture whose every tile takes some hundred bytes."""
    coarse = np.random.default_rng(17).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return np.asarray(Pillow.fromarray(coarse).resize((width, height)))


def tiled(picture: Image, **options: object) -> bytes:
    return encoded(picture, "HEIF", quality=80, tile_size=SIDE, **options)


def boxes_of(data: bytes) -> Boxes:
    found = read_boxes(data)
    assert found is not None
    return found


@cache
def tiles() -> bytes:
    return tiled(rough())


def tiles_turned_by_exif() -> bytes:
    stored = Pillow.fromarray(rough())
    return turned_by_exif(stored, 6, "HEIF", quality=80, tile_size=SIDE)


WAYS: dict[str, Callable[[], bytes]] = {
    "one item": lambda: encoded(rough(), "HEIF", quality=80),
    "tiles": tiles,
    "tiles, turned by EXIF": tiles_turned_by_exif,
    "an AVIF": lambda: encoded(rough(), "AVIF"),
    "an AVIF of tiles": lambda: avif_of_tiles(rough(), SIDE),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_cut_at_any_percent_is_truncated(way: str) -> None:
    data = WAYS[way]()
    assert decoded(data).width in (4 * SIDE, 3 * SIDE)
    cuts = [data[: len(data) * percent // 100] for percent in range(1, 100)]
    assert {reason(cut)[:14] for cut in [*cuts, data[:-1]]} == {"truncated file"}


def test_the_first_tile_that_lacks_is_named() -> None:
    data = tiles()
    said = [reason(data[: len(data) * percent // 100]) for percent in range(1, 100)]
    named = [text.removeprefix("truncated file: it ends before tile ") for text in said]
    named = [text for text in named if text != "truncated file"]  # cut within the tables
    assert list(dict.fromkeys(named)) == [f"{n} of 12" for n in range(1, 13)]


def test_bytes_behind_the_picture_may_be_cut() -> None:
    data = tiles()
    assert np.array_equal(decoded(data + bytes(5000)).image, decoded(data).image)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("percent", [30, 60, 90])
def test_a_picture_whose_end_was_never_written_is_damaged(way: str, percent: int) -> None:
    """A copy that was broken off, or a disk that failed, leaves zeros in a file of full length."""
    data = WAYS[way]()
    at = len(data) * percent // 100
    assert reason(data[:at] + bytes(len(data) - at)) == "damaged: zeros amid its pixels"


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_picture_of_one_colour_has_no_hole(kind: str) -> None:
    flat = np.full((1500, 2000, 3), 20, np.uint8)
    assert decoded(encoded(flat, kind, quality=90)).image.shape == flat.shape


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_tile_that_cannot_be_decoded_is_damage(orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = bytearray(tiled(rough(), exif=exif.tobytes()))
    at = data.index(b"mdat") + 4
    assert decoded(bytes(data)).orientation == orientation
    data[at : at + 300] = bytes(300)
    assert reason(bytes(data)) == "damaged: tile 1 of 12 cannot be decoded"


@pytest.mark.parametrize("colour", [(0, 136, 0), (0, 0, 0)])
def test_a_tile_of_the_colour_of_damage_is_a_photo_s_own(colour: tuple[int, int, int]) -> None:
    picture = rough().copy()
    picture[:SIDE, :SIDE] = colour
    data = encoded(picture, "HEIF", quality=-1, chroma=444, tile_size=SIDE)
    assert np.abs(decoded(data).image[:SIDE, :SIDE].astype(int) - colour).max() <= 2


@pytest.mark.parametrize("dark", [slice(0, SIDE), slice(0, 3 * SIDE)])
def test_an_avif_of_tiles_is_read_whole_also_where_it_is_black(dark: slice) -> None:
    picture = rough().copy()
    picture[:, dark] = 0
    photo = decoded(avif_of_tiles(picture, SIDE))
    assert photo.format == "AVIF"
    assert np.abs(photo.image.astype(int) - picture).mean() < 10


def test_a_tile_is_shown_alone_as_the_primary_item() -> None:
    data = tiles()
    boxes = boxes_of(data)
    assert boxes.tiles is not None
    alone = decoded(as_primary(data, boxes, boxes.tiles, 5)).image
    assert np.array_equal(alone, decoded(data).image[SIDE : 2 * SIDE, SIDE : 2 * SIDE])


def test_another_build_of_the_decoder_is_taken_where_pi_heif_is_not(tmp_path: Path) -> None:
    (tmp_path / "photo.heic").write_bytes(tiles())
    program = (
        "import sys, pathlib; sys.modules['pi_heif'] = None\n"
        "from workers.images.decode import decode\n"
        f"data = pathlib.Path({str(tmp_path / 'photo.heic')!r}).read_bytes()\n"
        "print(decode(data, max_pixels=10**6, min_long_side=0).width)\n"
        "print(sys.modules['workers.images.heif'].decoder.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(4 * SIDE), "pillow_heif"], done.stderr


def test_an_avif_is_read_by_pillow_and_a_heic_by_the_decoder_of_heic() -> None:
    formats = [decoded(encoded(scene(96, 64), kind)).format for kind in ("HEIF", "AVIF")]
    assert formats == ["HEIF", "AVIF"]
    avif = encoded(scene(96, 64), "AVIF")
    assert decoded(avif[:8] + b"mif1" + avif[12:]).format == "AVIF"
