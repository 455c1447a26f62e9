"""Blocks of metadata in a photo's bytes: EXIF, XMP and IPTC of every format, nothing decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from workers.images.chunks import gif_parts, png_parts, webp_parts
from workers.images.iim import iptc_resource
from workers.images.items import boxes_parts
from workers.images.part import LARGEST, Part
from workers.images.segments import jpeg_parts
from workers.images.tags import Tags

MOST = 16
"""Blocks of a file that count: the first ones; XMP up to LARGEST bytes in all."""
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_FUJI, _FUJI_HEAD = b"FUJIFILMCCD-RAW", 2**20
"""The first bytes of a RAF, and those of the preview in it that can be metadata."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a file: EXIF from its byte order on, XMP packets, IPTC data sets.

    ``exif`` of a TIFF, and of a RAW file built like one, is the file itself.
    """

    exif: bytes = b""
    xmp: tuple[bytes, ...] = ()
    iptc: bytes = b""


def find_blocks(data: bytes) -> Blocks:
    """The metadata of a photo. Never raises: what is damaged is left out."""
    exif, iptc = b"", b""
    packets: list[bytes] = []
    for kind, block in _whole(_reader_of(data)(data)):
        if kind == "exif":
            exif = exif or block.removeprefix(b"Exif\0").removeprefix(b"\0")
        elif kind == "xmp":
            if sum(map(len, packets)) + len(block) <= LARGEST:
                packets.append(block)
        else:
            iptc = iptc or (block if kind == "iptc" else iptc_resource(block))
    return Blocks(exif, tuple(packets), iptc)


def _whole(parts: Iterator[Part]) -> Iterator[Part]:
    """Yield the first parts, up to one that is damaged."""
    try:
        yield from islice(parts, MOST)
    except (ValueError, IndexError, OverflowError):
        return


def _reader_of(data: bytes) -> Callable[[bytes], Iterator[Part]]:
    """The reader of a file, by its first bytes."""
    if data.startswith(b"\xff\xd8"):
        return jpeg_parts
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return png_parts
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp_parts
    if data.startswith((b"GIF87a", b"GIF89a")):
        return gif_parts
    if data[4:8] in (b"ftyp", b"jP  "):
        return boxes_parts
    return _fuji_parts if data.startswith(_FUJI) else _tiff_parts


def _fuji_parts(data: bytes) -> Iterator[Part]:
    """Yield the metadata of the JPEG in a RAF, whose place and length stand in its head."""
    start, size = int.from_bytes(data[84:88]), int.from_bytes(data[88:92])
    yield from jpeg_parts(data[start : start + min(size, _FUJI_HEAD)])


def _tiff_parts(data: bytes) -> Iterator[Part]:
    """Yield the metadata of a TIFF, which is EXIF itself; nothing of other files."""
    tags = Tags(data)
    yield "exif", data
    found = tags.read(tags.first, (_XMP, _IPTC, _PHOTOSHOP))
    if _XMP in found:
        yield "xmp", found[_XMP]
    if _IPTC in found:
        yield "iptc", found[_IPTC]
    elif _PHOTOSHOP in found:
        yield "8bim", found[_PHOTOSHOP]
