"""Files made to do harm: an outcome each, in bounded memory, in a process that lives on."""

from __future__ import annotations

import os
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from pillow_heif import options as heif_options

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers import raws
from tests.workers.pictures import (
    claiming_png,
    encoded,
    jpeg,
    many_scans,
    noise,
    pixels_of,
    png_with,
    scene,
    stored_turned,
    tiff_of_one_tile,
    webp_canvas,
    ycck_jpeg,
)
from workers.images.decode import decode

LIMIT = 250_000_000
MEGABYTE = 1 << 20


def outcome_of(data: bytes) -> str:
    """What becomes of a photo at the default limits: its size, or outcome and reason."""
    try:
        photo = decode(data, max_pixels=LIMIT, min_long_side=0)
    except PhotoError as error:
        return str(error)
    return f"{photo.width} x {photo.height}"


def in_a_process_of_its_own(data: bytes, megabytes: int) -> str:
    """``outcome_of`` in a child that may grow by so much; a child that dies fails the test."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = outcome_of(data)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        os.write(writing, f"{grown} {said}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        grown, _, said = answer.read().decode().partition(" ")
    assert os.waitpid(child, 0)[1] == 0, "the process died"
    assert int(grown) <= megabytes, f"took {grown} MB"
    return said


def squeezed(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes << 20), 9)


@pytest.mark.parametrize(
    ("kind", "body"),
    [(b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")],
)
def test_a_text_or_profile_is_never_unpacked_to_a_gigabyte(kind: bytes, body: bytes) -> None:
    assert in_a_process_of_its_own(png_with(kind, body + squeezed(200)), 40) == "32 x 32"


BOMBS: dict[str, Callable[[], bytes]] = {
    "png": lambda: claiming_png(60_000, 60_000),
    "bmp": lambda: (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6)
    ),
    "webp": lambda: webp_canvas(60_000, 60_000),
    "gif": lambda: (
        b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + encoded(noise(8, 8), "GIF")[10:]
    ),
    "jpeg": lambda: resized_jpeg(60_000, 60_000),
    "tiff": lambda: resized_tiff(60_000, 60_000),
    "heic": lambda: resized_boxes("HEIF", 60_000),
    "avif": lambda: resized_boxes("AVIF", 60_000),
    "raw": lambda: raws.dng(1, resized_jpeg(60_000, 60_000)),
}


def resized_jpeg(width: int, height: int) -> bytes:
    data = jpeg(noise(16, 16))
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def resized_tiff(width: int, height: int) -> bytes:
    data = bytearray(encoded(noise(16, 16), "TIFF"))
    at = struct.unpack_from("<I", data, 4)[0]
    for start in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        tag = struct.unpack_from("<H", data, start)[0]
        if tag in (256, 257):
            struct.pack_into("<HII", data, start + 2, 4, 1, width if tag == 256 else height)
    return bytes(data)


def resized_boxes(kind: str, side: int) -> bytes:
    """A HEIC or AVIF whose every declared size is ``side`` squared."""
    data = encoded(scene(64, 64), kind)
    start = data.index(b"ispe") + 8
    return data[:start] + struct.pack(">II", side, side) + data[start + 8 :]


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_claims_a_huge_picture_is_refused_by_its_header(kind: str) -> None:
    bomb = BOMBS[kind]()
    assert len(bomb) < 100_000
    said = in_a_process_of_its_own(bomb, 40)
    assert said.startswith(("too_large: 60000 x 60000", "unreadable")), said


def test_a_picture_60000_pixels_wide_and_not_too_large_is_read() -> None:
    wide = encoded(Pillow.new("RGB", (60_000, 100)), "PNG")
    assert in_a_process_of_its_own(wide, 100) == "60000 x 100"


def test_transparency_of_a_large_picture_takes_memory_in_proportion() -> None:
    layer = encoded(Pillow.new("RGBA", (6000, 5000)), "PNG")  # 30 MP: 4 + 4 + 3 bytes per pixel
    assert in_a_process_of_its_own(layer, 30 * 14) == "6000 x 5000"


def test_a_tiff_whose_tile_is_a_million_times_its_size_is_refused() -> None:
    said = in_a_process_of_its_own(tiff_of_one_tile(16, 16_000), 40)
    assert said == "unreadable: a TIFF whose tiles are 16000 x 16000 pixels"
    assert outcome_of(tiff_of_one_tile(16, 512)) == "16 x 16"


@pytest.mark.parametrize("side", [16_000, 60_000])
def test_a_heic_whose_grid_is_larger_than_its_tiles_is_refused(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heif_options, "GRID_TILE_SIZE", 64)
    data = encoded(scene(256, 256), "HEIF")
    grid, sizes = struct.pack(">4B2H", 0, 0, 3, 3, 256, 256), struct.pack(">2I", 256, 256)
    assert grid in data
    claiming = data.replace(grid, grid[:4] + struct.pack(">2H", side, side))
    assert in_a_process_of_its_own(claiming, 40).startswith("unreadable")
    claiming = claiming.replace(sizes, struct.pack(">2I", side, side))
    assert in_a_process_of_its_own(claiming, 40).startswith(f"too_large: {side} x {side}")


def test_a_jpeg_of_a_thousand_scans_is_refused() -> None:
    assert "more than 256 scans" in outcome_of(many_scans(4000, 3000, 1000))
    assert outcome_of(many_scans(400, 300, 20)) == "400 x 300"
    assert "more than 256 scans" in outcome_of(many_scans(400, 300, 1000, progressive=False))
    assert "more than 256 scans" in outcome_of(raws.nef(1, many_scans(400, 300, 1000)))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a PNG named .jpg", encoded(scene(60, 40), "PNG")),
        ("a JPEG named .png", jpeg(scene(60, 40))),
    ],
)
def test_the_suffix_decides_nothing(name: str, data: bytes) -> None:
    assert outcome_of(data) == "60 x 40"


WHOLE: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: jpeg(noise(64, 64)),
    "progressive": lambda: jpeg(noise(64, 64), progressive=True),
    "cmyk": lambda: ycck_jpeg(noise(64, 64)),
    **{
        kind: lambda kind=kind: encoded(noise(64, 64), kind)
        for kind in ("PNG", "TIFF", "WEBP", "GIF", "HEIF", "AVIF", "BMP")
    },
    "animation": lambda: encoded(
        Pillow.fromarray(noise(32, 32)),
        "PNG",
        save_all=True,
        append_images=[Pillow.new("RGB", (32, 32))],
    ),
    "nef": lambda: raws.nef(1, jpeg(noise(64, 64))),
    "cr3": lambda: raws.cr3(1, jpeg(noise(64, 64))),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_at_every_tenth_a_photo_is_whole_or_unreadable(kind: str) -> None:
    data = WHOLE[kind]()
    assert "x" in outcome_of(data)
    said = [outcome_of(data[: len(data) * tenth // 10]) for tenth in range(10)]
    assert said[0] == "unreadable: empty file"
    assert all(text.startswith("unreadable") or " x " in text for text in said), said


@pytest.mark.parametrize("kind", WHOLE)
def test_damage_anywhere_takes_little_memory(kind: str) -> None:
    data, places = WHOLE[kind](), np.random.default_rng(7)
    broken = bytearray(data)
    for place in places.integers(0, min(len(data), 400), 12):
        broken[place] = int(places.integers(0, 256))
    in_a_process_of_its_own(bytes(broken), 64)


def test_what_is_refused_has_an_outcome_of_the_contract() -> None:
    for data in (b"", b"text", claiming_png(60_000, 60_000)):
        with pytest.raises(PhotoError) as caught:
            decode(data, max_pixels=LIMIT, min_long_side=0)
        assert caught.value.outcome in (Outcome.UNREADABLE, Outcome.TOO_LARGE)


# -- damaged at any place -------------------------------------------------------------------------


def decodes_or_blames_the_photo(data: bytes) -> bool:
    try:
        result = decode(data, max_pixels=LIMIT, min_long_side=0)
    except PhotoError as error:
        assert error.reason
        return False
    assert result.image.dtype == np.uint8
    assert result.image.shape == (result.height, result.width, 3)
    return True


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF", "WEBP", "TIFF", "GIF", "AVIF"])
def test_every_prefix_of_a_photo_decodes_or_blames_the_photo(kind: str) -> None:
    data = encoded(noise(48, 48), kind)
    whole = [decodes_or_blames_the_photo(data[:end]) for end in range(1, len(data), 37)]
    assert not whole[0]
    assert decodes_or_blames_the_photo(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF", "WEBP", "TIFF", "GIF", "AVIF"])
def test_flipped_bytes_decode_or_blame_the_photo(kind: str) -> None:
    data = encoded(scene(48, 48), kind)
    places = np.random.default_rng(1).integers(0, len(data), 150)
    for place in places:
        broken = bytearray(data)
        broken[place] ^= 0xFF
        decodes_or_blames_the_photo(bytes(broken))


Files = list[tuple[str, bytes]]
"""Names and bytes."""


def damaged(photos: list[Path]) -> Files:
    """Each photo whole, cut off, and with some bytes flipped."""
    files: Files = []
    for photo in photos:
        data = photo.read_bytes()
        files += [(photo.name, data), *((photo.name, data[: len(data) * n // 5]) for n in range(5))]
        random = np.random.default_rng(len(data))
        for count in (1, 3, 30):
            broken = np.frombuffer(data, np.uint8).copy()
            broken[random.integers(0, len(data), count)] ^= 0xFF
            files.append((photo.name, broken.tobytes()))
    return files


def made_files(folder: str, samples: Path) -> Files:
    photos = sorted((samples / "photos").iterdir())
    if folder == "heic":
        return [(f"{p.stem}.heic", encoded(pixels_of(p), "HEIF")) for p in photos[:3]]
    if folder == "exif_orientation":
        pixels = pixels_of(photos[0])
        return [(f"{turn}.jpg", stored_turned(pixels, turn)) for turn in range(1, 9)]
    return damaged([p for p in photos if p.stat().st_size < 200_000])


def files_of(folder: str, samples: Path, real: Path | None) -> Files:
    paths = sorted((real / "data" / folder).rglob("*")) if real else []
    found = [(p.name, p.read_bytes()) for p in paths if p.is_file() and p.suffix != ".csv"]
    return found or made_files(folder, samples)


@pytest.mark.parametrize("folder", ["corrupt_dev", "heic", "exif_orientation"])
def test_real_files_decode_or_blame_the_photo_and_print_nothing(
    samples: Path, real: Path | None, folder: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, loud = [], set()
    for name, data in files_of(folder, samples, real):
        whole.append(decodes_or_blames_the_photo(data))
        if capfd.readouterr().err:
            loud.add(Path(name).suffix)
    assert any(whole)
    assert loud <= {".tif"}  # libtiff writes to the process's stderr, and offers no way to stop it
