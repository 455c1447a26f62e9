"""Metadata of every format are found, and nothing that is damaged or hostile raises or lasts."""

import struct
import zlib

import numpy as np
import pytest

from headcount.regions.xmp import read_xmp, texts_of
from tests.packets import listed, packet
from tests.workers.dated import (
    EXIF_IFD,
    NAMES,
    app1_xmp,
    app13,
    chunk,
    cr3,
    exif,
    exif_alone,
    extended,
    gif,
    iim,
    jp2,
    jpeg,
    png,
    raf,
    saved,
    segment,
)
from workers.images.blocks import Blocks, find_blocks
from workers.images.exif_times import exif_times
from workers.images.iim import KEYWORDS, read_iim
from workers.images.part import LARGEST

SUBJECT = "http://purl.org/dc/elements/1.1/subject"
TAKEN = "2019:07:04 15:30:12"
EXIF, XMP = exif(taken=TAKEN), packet(listed("dc:subject", "beach"))
IPTC = iim(keyword="wave")
TIFF_TAGS = {700: XMP, 33723: IPTC, EXIF_IFD: {NAMES["taken"]: TAKEN}}


def hexadecimal(name: bytes, block: bytes) -> bytes:
    """A profile as ImageMagick writes it."""
    digits = block.hex().encode()
    return b"Raw profile type " + name + b"\0\n" + name + b"\n%8d\n" % len(block) + digits + b"\n"


def squeezed(name: bytes, text: bytes) -> bytes:
    return chunk(b"zTXt", name + b"\0\0" + zlib.compress(text))


FILES = {
    "jpeg": (jpeg(segment(0xE1, EXIF), app1_xmp(XMP), app13(IPTC)), "exif xmp iptc"),
    "png": (saved("PNG", exif=EXIF), "exif"),
    "png, text": (png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)), "xmp"),
    "png, squeezed": (
        png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))),
        "xmp",
    ),
    "png by sharp": (png(squeezed(b"XML:com.adobe.xmp", XMP)), "xmp"),
    "png by ImageMagick": (
        png(
            chunk(b"tEXt", hexadecimal(b"exif", EXIF)),
            chunk(b"tEXt", hexadecimal(b"xmp", XMP)),
            chunk(b"tEXt", hexadecimal(b"iptc", IPTC)),
        ),
        "exif xmp iptc",
    ),
    "webp": (saved("WEBP", exif=EXIF, xmp=XMP), "exif xmp"),
    "tiff": (saved("TIFF", tiffinfo=TIFF_TAGS), "exif xmp iptc"),
    "tiff, big": (saved("TIFF", tiffinfo=TIFF_TAGS, big_tiff=True), "exif xmp iptc"),
    "heic": (saved("HEIF", exif=EXIF, xmp=XMP), "exif xmp"),
    "avif": (saved("AVIF", exif=EXIF, xmp=XMP), "exif xmp"),
    "gif": (gif(XMP), "xmp"),
    "cr3": (cr3(exif_alone(TAKEN)), "exif"),
    "raf": (raf(jpeg(segment(0xE1, EXIF), app1_xmp(XMP))), "exif xmp"),
    "jpeg 2000": (jp2(XMP, exif_alone(TAKEN)), "exif xmp"),
}


def told(blocks: Blocks) -> str:
    """The kinds of blocks whose content is what was put there."""
    taken = exif_times(blocks.exif).taken
    found = {
        "exif": taken is not None and taken.clock == TAKEN,
        "xmp": texts_of(read_xmp(blocks.xmp).get(SUBJECT)) == ["beach"],
        "iptc": read_iim(blocks.iptc).get(KEYWORDS) == ["wave"],
    }
    return " ".join(kind for kind, there in found.items() if there)


@pytest.mark.parametrize(("data", "kinds"), FILES.values(), ids=FILES)
def test_the_metadata_of_each_format_are_found(data: bytes, kinds: str) -> None:
    assert told(find_blocks(data)) == kinds


@pytest.mark.parametrize("order", [">", "<"])
def test_exif_is_read_in_either_byte_order(order: str) -> None:
    assert told(find_blocks(saved("TIFF", exif=EXIF))) == "exif"
    value = TAKEN.encode() + b"\0"
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entry = struct.pack(f"{order}HHHII", 1, 0x9003, 2, len(value), 26)
    tiff = mark + struct.pack(f"{order}I", 8) + entry + bytes(4) + value
    assert told(Blocks(exif=tiff)) == "exif"


def test_extended_xmp_is_put_together_in_any_order_by_the_sum_that_the_packet_names() -> None:
    guid, many = b"0123456789ABCDEF0123456789ABCDEF", [f"keyword {n}" for n in range(6_000)]
    large = packet(listed("dc:subject", *many))
    assert len(large) > 2 * 60_000
    small = app1_xmp(packet(xmpNote__HasExtendedXMP=guid.decode()))
    pieces, others = extended(large, guid), extended(packet(listed("dc:subject", "no")), guid[::-1])
    whole = find_blocks(jpeg(*pieces, small, *others))
    assert texts_of(read_xmp(whole.xmp)[SUBJECT]) == many
    for lacking in (jpeg(small, *pieces[1:]), jpeg(*pieces)):
        assert SUBJECT not in read_xmp(find_blocks(lacking).xmp)


def test_text_that_grows_beyond_all_bounds_is_left_out() -> None:
    bomb = zlib.compress(b"<x>" + bytes(64 * 2**20), 9)
    data = png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))
    assert read_xmp(find_blocks(data).xmp) == {}


def test_packets_count_up_to_a_bound_in_all() -> None:
    chunks = [chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + bytes(LARGEST // 3))] * 5
    assert len(find_blocks(png(*chunks)).xmp) == 3


@pytest.mark.parametrize(("data", "_kinds"), FILES.values(), ids=FILES)
def test_damaged_files_never_raise(data: bytes, _kinds: str) -> None:
    chance = np.random.default_rng(1)
    for cut in range(0, len(data), max(1, len(data) // 150)):
        told(find_blocks(data[:cut]))
    for _ in range(300):
        damaged = bytearray(data)
        for at in chance.integers(len(data), size=5):
            damaged[at] = chance.choice((0, 255, int(chance.integers(256))))
        told(find_blocks(bytes(damaged)))


HOSTILE = {
    "JPEG of filling bytes": b"\xff\xd8" + b"\xff" * 2**24,
    "JPEG of empty segments": b"\xff\xd8" + b"\xff\xe1\0\2" * 2**22,
    "GIF of empty blocks": b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe\0" * 2**22,
    "GIF of tiny blocks": b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\1a" * 2**23,
    "PNG of empty chunks": b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * 2**20,
    "WebP of empty chunks": b"RIFF\0\0\0\0WEBP" + b"XXXX\0\0\0\0" * 2**21,
    "boxes": b"\0\0\0\x10ftypheic\0\0\0\0" + b"\0\0\0\x08free" * 2**21,
    "places without a size": (
        b"\0\0\0\x10ftypheic\0\0\0\0"
        + struct.pack(">I4sI", 8 + 4 + 8 + 8 + 2**24, b"meta", 0)
        + struct.pack(">I4sIHH", 8 + 8 + 2**24, b"iloc", 0, 0, 0xFFFF)
        + b"\0\1\0\0\xff\xff" * (2**24 // 6)
    ),
    "TIFF of tags": b"II*\0\x08\0\0\0\xff\xff" + b"\x03\x90\2\0\xff\xff\xff\xff\0\0\0\0" * 2**16,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.timeout(20)
def test_files_that_are_made_to_last_end_soon(data: bytes) -> None:
    assert find_blocks(data).xmp == ()


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xd8", b"II*\0", b"BM" + bytes(100)])
def test_other_files_have_none(data: bytes) -> None:
    assert find_blocks(data) == Blocks()
