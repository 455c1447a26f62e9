import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngImageFile

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers.pictures import (
    claiming_png,
    deep_png,
    deep_tiff,
    encoded,
    jpeg,
    noise,
    pixels_of,
    scene,
    stored_turned,
    ycck_jpeg,
)
from workers.images.decode import Decoded, Picture, decode
from workers.models.base import Image

PIXELS = 50_000_000
LOSSLESS = ("PNG", "TIFF", "BMP", "PPM")


def decoded(data: bytes, min_long_side: int = 0) -> Decoded:
    return decode(data, max_pixels=PIXELS, min_long_side=min_long_side)


def refused(data: bytes, max_pixels: int = PIXELS) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data, max_pixels=max_pixels, min_long_side=0)
    return caught.value


def distance(one: Image, other: Image) -> float:
    """The mean difference of two pictures, in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


# -- orientation --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_upright_picture(kind: str, orientation: int) -> None:
    upright = scene(60, 40)
    options = {"lossless": True} if kind == "WEBP" else {}
    result = decoded(stored_turned(upright, orientation, kind, **options))
    assert (result.width, result.height) == (60, 40)
    assert result.orientation == orientation
    assert distance(result.image, upright) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_once(orientation: int) -> None:
    upright = scene(96, 64)
    result = decoded(stored_turned(upright, orientation, "HEIF", quality=95))
    assert (result.width, result.height) == (96, 64)
    assert distance(result.image, upright) < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_once(orientation: int) -> None:
    upright = scene(96, 64)
    result = decoded(stored_turned(upright, orientation, "AVIF", quality=95))
    assert (result.width, result.height) == (96, 64)
    assert distance(result.image, upright) < 5


@pytest.mark.parametrize("value", [0, 9, 77, 65535])
def test_an_orientation_that_means_nothing_is_upright(value: int) -> None:
    result = decoded(stored_turned(scene(60, 40), value))
    assert (result.width, result.height, result.orientation) == (60, 40, 1)


def test_damaged_exif_does_not_cost_the_photo() -> None:
    result = decoded(jpeg(scene(60, 40), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"))
    assert (result.width, result.height, result.orientation) == (60, 40, 1)


# -- formats and modes --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_format_comes_back_exactly(kind: str) -> None:
    picture = noise(31, 17)
    result = decoded(encoded(picture, kind))
    assert result.format == kind
    assert result.scale == 1
    np.testing.assert_array_equal(result.image, picture)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "HEIF", "AVIF", "GIF", "JPEG2000"])
def test_a_lossy_format_comes_back_nearly(kind: str) -> None:
    picture = scene(96, 64)
    result = decoded(encoded(picture, kind))
    assert result.format == kind
    assert distance(result.image, picture) < 12  # a GIF has 256 colours


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    picture = Pillow.fromarray(scene(60, 40)).convert("CMYK")
    result = decoded(encoded(picture, "JPEG", quality=95))
    assert distance(result.image, scene(60, 40)) < 6


def test_a_jpeg_of_a_print_shop_keeps_its_colours() -> None:
    assert distance(decoded(ycck_jpeg(scene(60, 40))).image, scene(60, 40)) < 6


@pytest.mark.parametrize("asked", [0, 400])
def test_a_progressive_jpeg_is_read_at_any_scale(asked: int) -> None:
    result = decoded(jpeg(scene(1600, 1000), progressive=True), asked)
    assert (result.width, result.height) == (1600, 1000)
    assert distance(result.image, scene(result.image.shape[1], result.image.shape[0])) < 4


@pytest.mark.parametrize("tile", [None, 16, 32])
def test_a_tiff_of_16_bits_per_channel_keeps_its_colours(tile: int | None) -> None:
    np.testing.assert_array_equal(decoded(deep_tiff(noise(70, 50), tile)).image, noise(70, 50))


def test_a_png_of_16_bits_per_channel_keeps_its_colours() -> None:
    np.testing.assert_array_equal(decoded(deep_png(noise(31, 17))).image, noise(31, 17))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_compressed_tiff_comes_back_exactly(compression: str) -> None:
    data = encoded(noise(31, 17), "TIFF", compression=compression)
    np.testing.assert_array_equal(decoded(data).image, noise(31, 17))


def test_of_many_pages_the_first_counts() -> None:
    pages = [Pillow.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert (decoded(data).image == (255, 0, 0)).all()


def test_a_grey_jpeg_has_three_equal_channels() -> None:
    image = decoded(jpeg(Pillow.fromarray(scene(60, 40)).convert("L"))).image
    assert image.shape == (40, 60, 3)
    assert np.ptp(image, axis=2).max() == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_greys_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    image = decoded(encoded(Pillow.fromarray(ramp), kind)).image
    assert np.abs(image[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_a_float_tiff_of_any_range_uses_all_greys() -> None:
    values = np.linspace(-3, 9, 100, dtype=np.float32)[None].repeat(4, axis=0)
    image = decoded(encoded(Pillow.fromarray(values), "TIFF")).image
    assert (image.min(), image.max()) == (0, 255)
    assert (np.diff(image[0, :, 0].astype(int)) >= 0).all()


def test_transparency_lies_on_white() -> None:
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[:, 4:, 3] = 255
    image = decoded(encoded(layer, "PNG")).image
    assert (image[:, :4] == 255).all()
    assert (image[:, 4:] == 0).all()


def test_a_transparent_palette_colour_is_white() -> None:
    picture = Pillow.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(1, (4, 0, 8, 8))
    image = decoded(encoded(picture, "PNG", transparency=0)).image
    assert (image[:, :4] == 255).all()
    assert (image[:, 4:] == (200, 100, 50)).all()


def test_a_multi_picture_jpeg_of_a_phone_is_read_as_its_first() -> None:
    preview = Pillow.fromarray(noise(160, 100))
    data = encoded(scene(1600, 1000), "MPO", save_all=True, append_images=[preview])
    result = decoded(data, 400)
    assert (result.width, result.height) == (1600, 1000)
    assert result.image.shape == (250, 400, 3)
    assert distance(result.image, scene(400, 250)) < 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_pictures_are_black_and_white(kind: str) -> None:
    board = np.indices((16, 16)).sum(axis=0) % 2 == 0
    image = decoded(encoded(Pillow.fromarray(board), kind)).image
    np.testing.assert_array_equal(image, np.where(board[..., None], 255, 0).repeat(3, axis=2))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    first, second = Pillow.new("RGB", (16, 16), "red"), Pillow.new("RGB", (16, 16), "blue")
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decoded(encoded(first, kind, save_all=True, append_images=[second], **options)).image
    assert (image == (255, 0, 0)).all()


# -- reduced decoding ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "long_side"),
    [(0, 1600), (1600, 1600), (801, 1600), (800, 800), (400, 400), (200, 200), (50, 200)],
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_long_enough(
    asked: int, long_side: int
) -> None:
    result = decoded(jpeg(scene(1600, 1000)), asked)
    assert max(result.image.shape) == long_side
    assert result.scale == long_side / 1600
    assert (result.width, result.height) == (1600, 1000)
    assert result.image.mean() == pytest.approx(scene(1600, 1000).mean(), abs=3)


def test_a_reduced_jpeg_is_turned_too() -> None:
    result = decoded(stored_turned(scene(1600, 1000), 6), 400)
    assert result.image.shape == (250, 400, 3)
    assert (result.width, result.height) == (1600, 1000)
    assert distance(result.image, scene(400, 250)) < 4


def test_only_jpegs_are_reduced() -> None:
    assert decoded(encoded(scene(400, 200), "PNG"), 50).scale == 1


@pytest.mark.parametrize("size", [(1601, 999), (1599, 3), (3, 1607)])
def test_odd_sizes_keep_their_scale(size: tuple[int, int]) -> None:
    result = decoded(jpeg(scene(*size)), 100)
    assert (result.width, result.height) == size
    assert max(result.image.shape) == pytest.approx(result.scale * max(size), abs=1)
    assert result.scale < 1


# -- large pictures are converted in bands ------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "F", "CMYK", "P"])
def test_bands_leave_no_seam(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.images import pixels as module

    picture = Pillow.fromarray(noise(97, 61)).convert({"I;16": "L"}.get(mode, mode))
    if mode == "I;16":
        picture = Pillow.fromarray(np.asarray(picture, np.uint16) * 257)
    whole = module.to_rgb(picture)
    monkeypatch.setattr(module, "WHOLE_PIXELS", 97 * 7)
    monkeypatch.setattr(module, "BAND_PIXELS", 97 * 7)
    np.testing.assert_array_equal(module.to_rgb(picture), whole)


# -- what is refused ----------------------------------------------------------------------------


def test_a_picture_over_the_limit_is_refused_by_its_header() -> None:
    bomb = claiming_png(60_000, 60_000)
    assert len(bomb) < 500
    error = refused(bomb, 250_000_000)
    assert error.outcome is Outcome.TOO_LARGE
    assert "60000 x 60000" in error.reason


def test_the_limit_itself_is_allowed() -> None:
    data = encoded(scene(20, 10), "PNG")
    assert decode(data, max_pixels=200, min_long_side=0).width == 20
    assert refused(data, 199).outcome is Outcome.TOO_LARGE


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_that_ends_too_early_is_truncated(kind: str) -> None:
    data = encoded(noise(64, 64), kind)
    error = refused(data[: len(data) // 2])
    assert (error.outcome, error.reason) == (Outcome.UNREADABLE, "truncated file")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"Dear diary, today I took no photo.\n" * 9, "not an image that headcount reads"),
        (np.random.default_rng(5).bytes(4096), "not an image that headcount reads"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image that headcount reads"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image that headcount reads"),
    ],
    ids=["empty", "text", "random", "svg", "postscript"],
)
def test_what_is_no_photo_is_unreadable(data: bytes, reason: str) -> None:
    error = refused(data)
    assert (error.outcome, error.reason) == (Outcome.UNREADABLE, reason)


# -- photos of people: the developers' own where they are, else made of the samples ---------------


MADE_SERIES = {
    "recurser/Landscape": "table.jpg",
    "recurser/Portrait": "address.jpg",
    "sharp/Landscape": "portrait.png",
}


def series_of(name: str, samples: Path, real: Path | None) -> list[bytes]:
    """One picture stored in all eight orientations, in their order."""
    folder = real / "data" / "exif_orientation" if real else samples
    if files := sorted(folder.glob(f"{name}_[1-8].jpg")):
        return [file.read_bytes() for file in files]
    pixels = pixels_of(samples / "photos" / MADE_SERIES[name])
    return [stored_turned(pixels, orientation) for orientation in range(1, 9)]


@pytest.mark.parametrize("series", list(MADE_SERIES))
def test_a_series_of_orientations_has_one_upright_size(
    samples: Path, real: Path | None, series: str
) -> None:
    upright = [decoded(data) for data in series_of(series, samples, real)]
    assert len({(one.width, one.height) for one in upright}) == 1
    assert [one.orientation for one in upright] == list(range(1, 9))
    small = [np.asarray(Pillow.fromarray(one.image).resize((24, 24))) for one in upright]
    turned = [np.fliplr(small[0]), np.flipud(small[0]), np.rot90(small[0])]
    farthest = max(distance(one, small[0]) for one in small)  # each has its number written on it
    assert farthest < 0.6 * min(distance(one, small[0]) for one in turned)


def test_pillow_reads_what_the_tests_made() -> None:
    """The helpers' own check: the stored picture is turned, not only labelled."""
    stored = Pillow.open(io.BytesIO(stored_turned(scene(60, 40), 6)))
    assert stored.size == (40, 60)


# -- a picture that is decoded on demand ----------------------------------------------------------


def test_a_picture_is_decoded_again_only_where_more_pixels_are_asked_for() -> None:
    picture = Picture(jpeg(noise(1600, 1200)), max_pixels=PIXELS, whole_up_to=0)
    small = picture.at_least(400)
    assert small.scale == 0.25
    assert picture.at_least(300) is small
    half = picture.at_least(700)
    assert half.scale == 0.5
    assert picture.at_least(400) is half
    full = picture.at_least(10_000)
    assert full.scale == 1
    assert picture.at_least(20_000) is full


def test_a_photo_for_which_memory_does_not_suffice_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PngImageFile, "load", load)
    error = refused(encoded(scene(60, 40), "PNG"))
    assert (error.outcome, error.reason) == (Outcome.CRASHED, "too little memory to decode it")
