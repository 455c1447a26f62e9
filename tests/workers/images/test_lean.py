import resource
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFile, PngImagePlugin

from headcount.errors import PhotoError
from tests.workers.pictures import encoded, jpeg, scene, turned
from workers.images.decode import Decoded, decode
from workers.images.lean import KEPT_TEXT, lean
from workers.images.limits import MAX_CHUNKS, check_headers

LARGE = 1_300_000
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6">%s</x:xmpmeta>'
KEY = b"XML:com.adobe.xmp\0"


def chunk(kind: bytes, body: bytes, *, checked: bool = True) -> bytes:
    checksum = zlib.crc32(kind + body) ^ (not checked)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def large(size: int = LARGE) -> bytes:
    """Text that packs to a third and unpacks to ``size`` bytes."""
    return np.random.default_rng(1).bytes(size // 2).hex().encode()


def png(picture: np.ndarray | Pillow.Image, *chunks: bytes, behind: bool = False) -> bytes:
    data = encoded(picture, "PNG")
    at = (data.index(b"IEND") if behind else data.index(b"IDAT")) - 4
    return data[:at] + b"".join(chunks) + data[at:]


def decoded(data: bytes) -> Decoded:
    return decode(data, max_pixels=10**6, min_long_side=0)


def is_scene(found: Decoded) -> bool:
    return np.array_equal(found.image, scene(60, 40))


METADATA = {
    "profile": chunk(b"iCCP", b"printer\0\0" + zlib.compress(large())),
    "packed text": chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(large())),
    "packed XMP": chunk(b"iTXt", KEY + b"\1\0\0\0" + zlib.compress(large())),
    "plain texts": chunk(b"tEXt", b"Comment\0" + large(9 << 20)) * 8,
    "profile of another packing": chunk(b"iCCP", b"printer\0\7" + bytes(99)),
    "text of another packing": chunk(b"zTXt", b"Comment\0\7" + bytes(99)),
    "wrong checksum": chunk(b"tEXt", b"Comment\0wrong", checked=False),
    "wrong checksum of a profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(b""), checked=False),
    "short gamma": chunk(b"gAMA", b"\0"),
    "short resolution": chunk(b"pHYs", b"\0"),
    "short profile": chunk(b"iCCP", b"p"),
}


@pytest.mark.parametrize("kind", METADATA)
def test_a_png_is_not_refused_for_its_metadata(kind: str) -> None:
    assert is_scene(decoded(png(scene(60, 40), METADATA[kind])))


@pytest.mark.parametrize("kind", ["packed text", "packed XMP", "plain texts", "wrong checksum"])
def test_nor_for_metadata_behind_its_pixels(kind: str) -> None:
    assert is_scene(decoded(png(scene(60, 40), METADATA[kind], behind=True)))


def test_nor_for_metadata_that_are_cut() -> None:
    data = png(scene(60, 40), METADATA["packed text"], behind=True)
    assert is_scene(decoded(data[: len(data) - LARGE // 3]))


def test_pixels_that_are_cut_are_refused_all_the_same() -> None:
    data = png(scene(60, 40), METADATA["profile"])
    with pytest.raises(PhotoError, match="truncated file"):
        decoded(data[:-60])


@pytest.mark.parametrize("packed", [True, False])
def test_a_photo_turned_by_large_xmp_stays_turned(packed: bool) -> None:
    text = XMP % large()
    head = b"\1\0\0\0" + zlib.compress(text) if packed else b"\0\0\0\0" + text
    stored = turned(scene(60, 40), 6)
    usual = decoded(png(stored, chunk(b"iTXt", KEY + bytes(4) + XMP % b"")))
    beside = METADATA["profile"]
    assert usual.orientation == decoded(png(stored, chunk(b"iTXt", KEY + head), beside)).orientation


def test_text_that_unpacks_to_very_much_costs_little() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    bombs = [
        chunk(b"iTXt", KEY + b"\1\0\0\0" + packed),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + packed),
        chunk(b"iCCP", b"p\0\0" + packed),
    ]
    data = png(scene(60, 40), *bombs, *bombs)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert is_scene(decoded(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 << 10
    assert len(lean(data)) < 3 * KEPT_TEXT


def test_pillows_limits_stay_as_they_are() -> None:
    before = (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    files = [png(scene(60, 40), METADATA[kind]) for kind in METADATA] * 2
    with ThreadPoolExecutor(4) as threads:
        assert all(map(is_scene, threads.map(decoded, files)))
    assert before == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_png_has_a_bounded_number_of_chunks() -> None:
    few = png(scene(60, 40), chunk(b"abCd", b"") * 1000)
    check_headers(few, 10**6)
    many = png(scene(60, 40), chunk(b"abCd", b"") * MAX_CHUNKS)
    with pytest.raises(PhotoError, match="a PNG of more than 250,000 chunks"):
        check_headers(many, 10**6)


def with_segment(kind: int, body: bytes) -> bytes:
    data = jpeg(scene(60, 40), exif=exif_of(6))
    segment = bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body
    return data[:2] + segment + data[2:]


def exif_of(orientation: int) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


SEGMENTS = {
    "Photoshop's, cut": (0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04"),
    "profile of parts that are lost": (0xE2, b"ICC_PROFILE\0\1\7" + bytes(60_000)),
    "profile, cut": (0xE2, b"ICC_PROFILE\0"),
    "index of pictures, broken": (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
    "XMP of nothing": (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
    "comment": (0xFE, b""),
    "JFIF, cut": (0xE0, b"JFIF\0"),
    "Adobe, cut": (0xEE, b"Adobe\0"),
}


@pytest.mark.parametrize("kind", SEGMENTS)
def test_a_jpeg_is_not_refused_for_its_metadata(kind: str) -> None:
    found = decoded(with_segment(*SEGMENTS[kind]))
    assert (found.orientation, found.width, found.height) == (6, 40, 60)


def test_a_jpeg_of_a_very_large_profile_is_read() -> None:
    data = jpeg(scene(60, 40), icc_profile=np.random.default_rng(1).bytes(3_000_000))
    assert decoded(data).width == 60


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_other_formats_have_large_or_broken_metadata(kind: str) -> None:
    noise = np.random.default_rng(1).bytes(3_000_000)
    lossless = {"WEBP": {"lossless": True, "xmp": noise}, "TIFF": {"tiffinfo": {700: noise}}}[kind]
    assert is_scene(decoded(encoded(scene(60, 40), kind, icc_profile=noise, **lossless)))


def test_a_webp_of_broken_exif_is_read() -> None:
    exif = b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(99)
    assert is_scene(decoded(encoded(scene(60, 40), "WEBP", lossless=True, exif=exif)))


def test_a_file_without_fault_is_the_same() -> None:
    for data in (b"GIF89a", encoded(scene(60, 40), "TIFF"), encoded(scene(60, 40), "PNG")):
        assert lean(data) is data
