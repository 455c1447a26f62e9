"""TIFF files of every layout come back as the picture that was put in."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers.images.test_hostile import in_a_process_of_its_own, outcome_of
from tests.workers.pictures import noise, scene, turned
from tests.workers.tiffs import (
    ASSOCIATED,
    BLACK_IS_ZERO,
    BYTE,
    CMYK,
    DEFLATE,
    LINEAR_RAW,
    LONG,
    LZW,
    PACKBITS,
    PALETTE,
    RGB,
    SHORT,
    UNASSOCIATED,
    UNSPECIFIED,
    WHITE_IS_ZERO,
    Page,
    tiff,
)
from workers.images import tiff as module
from workers.images import tiff_bytes
from workers.images.decode import Decoded, decode
from workers.models.base import Image

WIDTH, HEIGHT = 53, 37
"""Odd, and no multiple of any strip or tile."""
REDUCED = {254: (LONG, [1])}
OLD_REDUCED = {255: (SHORT, [2])}


def read(*pages: Page, order: str = "<", big: bool = False) -> Image:
    return decoded(tiff(*pages, order=order, big=big)).image


def decoded(data: bytes) -> Decoded:
    return decode(data, max_pixels=10**7, min_long_side=0)


def refused(*pages: Page) -> str:
    with pytest.raises(PhotoError) as caught:
        read(*pages)
    assert caught.value.outcome is Outcome.UNREADABLE
    return caught.value.reason


def deep(picture: Image) -> NDArray[np.uint16]:
    return picture.astype(np.uint16) * 257


def with_layer(values: NDArray[Any], layer: int) -> NDArray[Any]:
    """A picture and one more sample that is the same everywhere but in a corner."""
    more = np.full_like(values[..., :1], layer)
    more[:9, :9] = 0
    return np.concatenate([values, more], axis=2)


def grey() -> Image:
    return noise(WIDTH, HEIGHT)[..., :1]


def shown(values: Image) -> Image:
    return values.repeat(3, axis=2)


# -- depths and layouts ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("separate", [False, True], ids=["chunky", "planar"])
@pytest.mark.parametrize("tile", [None, 16], ids=["strips", "tiles"])
@pytest.mark.parametrize(
    ("packing", "predictor"),
    [(1, 1), (LZW, 1), (LZW, 2), (DEFLATE, 1), (DEFLATE, 2), (PACKBITS, 1)],
)
def test_16_bit_rgb_comes_back_exactly(
    order: str, separate: bool, tile: int | None, packing: int, predictor: int
) -> None:
    picture = noise(WIDTH, HEIGHT)
    page = Page(deep(picture), RGB, separate, 10, tile, packing, predictor)
    np.testing.assert_array_equal(read(page, order=order), picture)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize("packing", [1, LZW, DEFLATE])
def test_16_bit_grey_is_no_negative(order: str, photometric: int, packing: int) -> None:
    stored = 255 - grey() if photometric == WHITE_IS_ZERO else grey()
    page = Page(deep(stored), photometric, packing=packing)
    np.testing.assert_array_equal(read(page, order=order), shown(grey()))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("separate", [False, True], ids=["chunky", "planar"])
def test_a_big_tiff_is_read_in_either_order(order: str, separate: bool) -> None:
    for values in (noise(WIDTH, HEIGHT), deep(noise(WIDTH, HEIGHT))):
        page = Page(values, RGB, separate)
        np.testing.assert_array_equal(read(page, order=order, big=True), noise(WIDTH, HEIGHT))


@pytest.mark.parametrize("separate", [False, True], ids=["chunky", "planar"])
def test_16_bit_inks_keep_their_colours(separate: bool) -> None:
    inks = np.concatenate([255 - noise(WIDTH, HEIGHT), np.zeros_like(grey())], axis=2)
    page = Page(deep(inks), CMYK, separate)
    np.testing.assert_array_equal(read(page), noise(WIDTH, HEIGHT))


def test_a_palette_of_65536_colours_is_looked_up() -> None:
    colours = np.zeros((3, 65536), int)
    colours[:, 1000:1256] = np.arange(256) * 257
    page = Page(grey().astype(np.uint16) + 1000, PALETTE)
    page.more[320] = (SHORT, colours.ravel().tolist())
    np.testing.assert_array_equal(read(page), shown(grey()))


def test_bits_from_the_other_end_are_read_so() -> None:
    picture = noise(WIDTH, HEIGHT)
    turned = np.array([int(f"{n:08b}"[::-1], 2) for n in range(256)], np.uint8)
    stored = turned[deep(picture).view(np.uint8)].view(np.uint16)
    page = Page(stored, RGB, more={266: (SHORT, [2])})
    np.testing.assert_array_equal(read(page), picture)


# -- numbers that are no 8 or 16 bits -------------------------------------------------------------


def ramp(low: float, high: float, dtype: str) -> NDArray[Any]:
    """All of 256 levels, from ``low`` to ``high``."""
    return np.linspace(low, high, 256).astype(dtype)[None, :, None].repeat(4, axis=0)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 2**32 - 1, "u4"),
        (0, 65535, "u4"),
        (0, 255, "u4"),
        (-(2**31), 2**31 - 1, "i4"),
        (-1000, 3000, "i4"),
        (-(2**15), 2**15 - 1, "i2"),
        (-128, 127, "i1"),
        (0, 1, "f4"),
        (0, 255, "f4"),
        (0, 65535, "f4"),
        (-3, 9, "f4"),
        (0, 1, "f8"),
        (0, 1, "f2"),
    ],
)
def test_numbers_are_scaled_and_never_wrap(low: float, high: float, dtype: str, order: str) -> None:
    for photometric, packing in itertools.product((BLACK_IS_ZERO, WHITE_IS_ZERO), (1, LZW)):
        image = read(Page(ramp(low, high, dtype), photometric, packing=packing), order=order)
        levels = np.arange(256)[:: 1 if photometric else -1]
        assert np.abs(image[0, :, 1].astype(int) - levels).max() <= 1


def test_numbers_within_a_depth_keep_their_brightness() -> None:
    assert read(Page(ramp(0, 100, "u4"), BLACK_IS_ZERO)).max() == 100
    assert read(Page(ramp(0, 0.5, "f4"), BLACK_IS_ZERO)).max() == 127


def test_what_is_no_number_or_without_end_does_not_set_the_scale() -> None:
    values = ramp(-1, 1, "f4")
    values[1, 0], values[1, 1], values[1, 2] = np.nan, np.inf, -np.inf
    image = read(Page(values, BLACK_IS_ZERO))
    assert np.abs(image[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert image[1, :3, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_numbers_of_odd_depths_are_scaled_by_them(bits: int) -> None:
    levels = np.arange(256) * ((1 << bits) - 1) // 255
    row = "".join(f"{level:0{bits}b}" for level in levels)
    stored = np.frombuffer(int(row, 2).to_bytes(len(row) // 8), np.uint8)
    page = Page(stored[None, :, None].repeat(3, axis=0), BLACK_IS_ZERO)
    page.more = {256: (LONG, [256]), 258: (SHORT, [bits])}
    assert np.abs(read(page)[0, :, 0].astype(int) - np.arange(256)).max() <= 1


# -- layers that are no colours -------------------------------------------------------------------


@pytest.mark.parametrize("kind", [UNSPECIFIED, ASSOCIATED, UNASSOCIATED])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("separate", [False, True], ids=["chunky", "planar"])
@pytest.mark.parametrize("packing", [1, LZW])
def test_a_saved_selection_hides_nothing(
    kind: int, depth: int, separate: bool, packing: int
) -> None:
    values = with_layer(noise(WIDTH, HEIGHT), 20)
    values = values if depth == 8 else deep(values)
    page = Page(values, RGB, separate, packing=packing, more={338: (SHORT, [kind])})
    np.testing.assert_array_equal(read(page), noise(WIDTH, HEIGHT))


@pytest.mark.parametrize("kind", [UNSPECIFIED, UNASSOCIATED])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_layer_beside_grey_hides_nothing(kind: int, depth: int) -> None:
    values = with_layer(grey(), 20)
    page = Page(values if depth == 8 else deep(values), BLACK_IS_ZERO)
    page.more[338] = (SHORT, [kind])
    np.testing.assert_array_equal(read(page), shown(grey()))


def test_two_layers_are_dropped_too() -> None:
    values = with_layer(with_layer(noise(WIDTH, HEIGHT), 20), 200)
    page = Page(values, RGB, more={338: (SHORT, [UNSPECIFIED, UNSPECIFIED])})
    np.testing.assert_array_equal(read(page), noise(WIDTH, HEIGHT))


@pytest.mark.parametrize("depth", [8, 16])
def test_colours_that_transparency_was_multiplied_into_are_given_back(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BAND_SAMPLES", WIDTH * 5)
    cover = np.full((HEIGHT, WIDTH, 1), 255)
    cover[20:] = 128
    cover[30:] = 0
    values = np.concatenate([scene(WIDTH, HEIGHT) * cover // 255, cover], axis=2).astype(np.uint8)
    page = Page(values if depth == 8 else deep(values), RGB, more={338: (SHORT, [ASSOCIATED])})
    image = read(page)
    assert np.abs(image[:30].astype(int) - scene(WIDTH, HEIGHT)[:30]).max() <= 2
    assert (image[30:] == 255).all()


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduced", [REDUCED, OLD_REDUCED])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_reduced_page_does_not_win_over_the_full_one(reduced: Any, depth: int) -> None:
    thumbnail = Page(scene(13, 9), more=dict(reduced))
    full = Page(noise(WIDTH, HEIGHT) if depth == 8 else deep(noise(WIDTH, HEIGHT)))
    np.testing.assert_array_equal(read(thumbnail, full), noise(WIDTH, HEIGHT))
    np.testing.assert_array_equal(read(full, thumbnail), noise(WIDTH, HEIGHT))
    thumbnail.below = [Page(scene(7, 5), more=dict(reduced)), full]
    np.testing.assert_array_equal(read(thumbnail), noise(WIDTH, HEIGHT))


def test_a_mask_page_is_no_picture() -> None:
    mask = Page(grey(), BLACK_IS_ZERO, more={254: (LONG, [4])})
    np.testing.assert_array_equal(read(mask, Page(noise(WIDTH, HEIGHT))), noise(WIDTH, HEIGHT))


def test_a_file_of_reduced_pages_alone_is_read_as_its_first() -> None:
    pages = [Page(noise(13, 9), more=dict(REDUCED)), Page(noise(7, 5), more=dict(REDUCED))]
    np.testing.assert_array_equal(read(*pages), noise(13, 9))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_page_is_turned_once(orientation: int) -> None:
    stored = np.asarray(turned(scene(WIDTH, HEIGHT), orientation))
    photo = decoded(tiff(Page(deep(stored), more={274: (SHORT, [orientation])})))
    np.testing.assert_array_equal(photo.image, scene(WIDTH, HEIGHT))
    assert (photo.width, photo.height, photo.orientation) == (WIDTH, HEIGHT, orientation)
    assert photo.stored == (stored.shape[1], stored.shape[0])


@pytest.mark.parametrize("depth", [8, 16])
def test_a_page_below_a_thumbnail_lies_as_its_file_says(depth: int) -> None:
    stored = np.asarray(turned(scene(WIDTH, HEIGHT), 6))
    full = Page(stored if depth == 8 else deep(stored))
    thumbnail = Page(scene(9, 13), more=REDUCED | {274: (SHORT, [6])}, below=[full])
    photo = decoded(tiff(thumbnail))
    np.testing.assert_array_equal(photo.image, scene(WIDTH, HEIGHT))
    assert (photo.width, photo.height, photo.orientation) == (WIDTH, HEIGHT, 6)


@pytest.mark.parametrize("depth", [8, 16])
def test_an_orientation_that_means_nothing_leaves_a_page_as_it_is(depth: int) -> None:
    values = noise(WIDTH, HEIGHT) if depth == 8 else deep(noise(WIDTH, HEIGHT))
    photo = decoded(tiff(Page(values, more={274: (SHORT, [77])})))
    assert (photo.width, photo.height, photo.orientation) == (WIDTH, HEIGHT, 1)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_page_that_does_not_say_what_its_samples_mean_is_grey_or_rgb(depth: int) -> None:
    for values, picture in ((grey(), shown(grey())), (noise(WIDTH, HEIGHT),) * 2):
        data = tiff(Page(values if depth == 8 else deep(values), BLACK_IS_ZERO))
        silent = data.replace(
            struct.pack("<HHI", 262, SHORT, 1), struct.pack("<HHI", 263, SHORT, 1)
        )
        assert silent != data
        np.testing.assert_array_equal(decoded(silent).image, picture)


# -- DNGs of plain colours ------------------------------------------------------------------------


@pytest.mark.parametrize("photometric", [RGB, LINEAR_RAW])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_scanners_dng_is_read_as_the_tiff_it_is(photometric: int, depth: int) -> None:
    version = {50706: (BYTE, [1, 4, 0, 0])}
    values = noise(WIDTH, HEIGHT) if depth == 8 else deep(noise(WIDTH, HEIGHT))
    full = Page(values, photometric)
    thumbnail = Page(scene(13, 9), more=REDUCED | version, below=[full])
    np.testing.assert_array_equal(read(thumbnail), noise(WIDTH, HEIGHT))
    np.testing.assert_array_equal(read(Page(values, photometric, more=version)), noise(53, 37))


# -- what is refused, and in bounds ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (Page(grey(), packing=1, more={259: (SHORT, [34712])}), "JPEG 2000 TIFF of 1 x 8 bits"),
        (Page(grey(), more={262: (SHORT, [32844])}), "LogL"),
        (Page(deep(noise(9, 9)), 6), "3 x 16 bits, YCbCr"),
        (Page(deep(noise(9, 9)), 8), "CIELab"),
        (Page(noise(9, 9), more={258: (SHORT, [5, 6, 5])}), "TIFF of 5, 6, 5 bits"),
        (Page(np.zeros((9, 9, 40), np.uint8)), "40 x 8 bits"),
        (Page(deep(noise(9, 9)), more={317: (SHORT, [34892])}), "3 x 16 bits, RGB"),
    ],
)
def test_a_kind_that_is_not_read_is_named(page: Page, reason: str) -> None:
    said = refused(page)
    assert said.startswith("not supported: ")
    assert reason in said


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("packing", [1, LZW, DEFLATE])
@pytest.mark.parametrize("tile", [None, 16])
def test_a_deep_tiff_that_ends_too_early_is_unreadable(
    separate: bool, packing: int, tile: int | None
) -> None:
    whole = tiff(Page(deep(noise(WIDTH, HEIGHT)), RGB, separate, 10, tile, packing))
    at = struct.unpack_from("<I", whole, 4)[0]
    behind = tiff_with_its_directory_first(whole, at)
    for tenth in range(1, 10):
        cut = behind[: len(behind) - len(whole) + len(whole) * tenth // 10]
        assert outcome_of(cut).startswith("unreadable")


def tiff_with_its_directory_first(whole: bytes, at: int) -> bytes:
    """The same file with a copy of itself before its pixels' places, so that its end may be cut."""
    moved = bytearray(whole + whole[8:])
    shift = len(whole) - 8
    for start in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", whole, at)[0], 12):
        tag, _, count, place = struct.unpack_from("<HHII", whole, start)
        if tag in (273, 324):
            places = place if count > 1 else start + 8
            for number in range(count):
                old = struct.unpack_from("<I", whole, places + 4 * number)[0]
                struct.pack_into("<I", moved, places + 4 * number, old + shift)
    return bytes(moved)


@pytest.mark.parametrize("separate", [False, True])
def test_flipped_bytes_of_a_deep_tiff_decode_or_blame_the_photo(separate: bool) -> None:
    data = tiff(Page(deep(noise(20, 20)), RGB, separate, 7, packing=LZW, predictor=2))
    places = np.random.default_rng(2).integers(0, len(data), 300).tolist()
    for place in [*places, *range(len(data) - 300, len(data))]:
        broken = bytearray(data)
        broken[place] ^= 0xFF
        assert outcome_of(bytes(broken)).startswith(("unreadable", "too_large")) or " x " in (
            outcome_of(bytes(broken))
        )


def claiming(width: int, height: int, **layout: Any) -> bytes:
    """A small 16-bit TIFF that claims another size."""
    more = {256: (LONG, [width]), 257: (LONG, [height])} | layout.pop("more", {})
    return tiff(Page(deep(noise(16, 16)), more=more, **layout))


@pytest.mark.parametrize("packing", [1, LZW])
def test_a_deep_tiff_that_claims_a_huge_picture_is_refused_by_its_header(packing: int) -> None:
    assert in_a_process_of_its_own(claiming(60_000, 60_000, packing=packing), 40).startswith(
        "too_large: 60000 x 60000"
    )
    claim = claiming(15_000, 15_000, packing=packing, rows=16)
    assert in_a_process_of_its_own(claim, 40).startswith("unreadable")
    one_strip = claiming(5000, 5000, packing=packing, rows=2**31)  # 10 bytes for each pixel
    assert in_a_process_of_its_own(one_strip, 250).startswith("unreadable")


def test_a_deep_tiff_of_an_enormous_tile_is_refused() -> None:
    sides = {322: (LONG, [16_000]), 323: (LONG, [16_000])}
    said = in_a_process_of_its_own(claiming(16, 16, tile=16, packing=DEFLATE, more=sides), 40)
    assert said == "unreadable: a TIFF whose tiles are 16000 x 16000 pixels"


def test_a_deep_tiff_of_rows_without_end_is_refused() -> None:
    claim = claiming(100_000_000, 1, packing=LZW, rows=1)
    assert in_a_process_of_its_own(claim, 40).endswith("whose rows have 100,000,000 pixels")


def test_a_deep_tiff_of_many_samples_in_one_strip_is_refused() -> None:
    values = np.zeros((4, 4, 32), np.float64)
    sizes = {256: (LONG, [10_000]), 257: (LONG, [10_000])}
    data = tiff(Page(values, BLACK_IS_ZERO, packing=DEFLATE, rows=10_000, more=sizes))
    assert "strips unpack to 25,600,000,000 bytes" in in_a_process_of_its_own(data, 40)


def test_a_strip_that_is_named_a_thousand_times_is_not_copied_so_often() -> None:
    page = Page(deep(noise(16, 16_000)), RGB, rows=16, packing=LZW)
    fields, parts = page.fields("<")
    whole = tiff(page)
    at = struct.unpack_from("<I", whole, 4)[0]
    lying = bytearray(whole)
    for start in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", whole, at)[0], 12):
        tag, _, count, place = struct.unpack_from("<HHII", whole, start)
        if tag in (273, 279):  # every strip begins with the first and is as long as the file
            value = 8 if tag == 273 else len(whole)
            struct.pack_into(f"<{count}I", lying, place, *[value] * count)
    assert len(parts) == 1000 == fields[257][1][0] // 16
    assert in_a_process_of_its_own(bytes(lying), 60) == "16 x 16000"


def test_directories_in_a_circle_end() -> None:
    data = bytearray(tiff(Page(noise(9, 9), more=dict(REDUCED))))
    at = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, at)[0]
    struct.pack_into("<I", data, at + 2 + 12 * count, at)
    np.testing.assert_array_equal(decoded(bytes(data)).image, noise(9, 9))


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("packing", [1, LZW])
def test_bands_of_a_deep_tiff_leave_no_seam(
    tile: int | None, packing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BAND_SAMPLES", WIDTH * 3)
    monkeypatch.setattr(tiff_bytes, "BAND_BYTES", WIDTH * 6 * 11)
    page = Page(deep(noise(WIDTH, HEIGHT)), RGB, rows=5, tile=tile, packing=packing, predictor=2)
    np.testing.assert_array_equal(read(page), noise(WIDTH, HEIGHT))
