"""Camera RAW files, by the JPEG preview that the camera put into them.

No sensor data is ever developed: every camera embeds a JPEG of full or nearly full size, as the
photographer saw it. The containers differ by maker; the JPEG in them is always one contiguous
stream, so the largest one is searched for in the bytes. The container tells the orientation, the
size of the sensor's picture, and the places of its tiles, which may be JPEGs too and are no photos.
No size that a file claims decides how much memory is taken.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.directories import Directory, directories, is_tiff
from workers.images.tiff_page import BYTE_COMPRESSIONS, LINEAR_RAW, is_reduced

ORIENTATION = 0x0112
_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC = 0x0100, 0x0101, 0x0103, 0x0106
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 0x0111, 0x0117, 0x0144, 0x0145
_DNG_VERSION = 0xC612

_MOSAIC = 32803
"""Colour filter array (TIFF/EP, ISO 12234-2)."""
_PICTURES = frozenset((0, 1, 2, 6))
"""Grey, RGB and YCbCr: what a scanner's DNG holds in place of a sensor's data."""
_SENSOR_COMPRESSIONS = frozenset((32767, 32769, 32770, 34713, 65535))
"""Sony ARW, packed, Samsung SRW, Nikon NEF, Pentax PEF (as libtiff and ExifTool name them)."""
_MAKERS_TIFF = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
"""Olympus ORF and Panasonic RW2: TIFF in all but the number 42."""
_FUJI = b"FUJIFILMCCD-RAW"

STAMP_SIDE = 640
"""Previews with a shorter long side, and less than half the sensor's, are stamps for a file
browser: the faces of a group are a few pixels in them. A camera's own preview has 1,600 or more."""

_MAX_PARTS = 1 << 15
"""Tiles or strips looked at per page: a sensor of 100 million pixels has some thousand."""
_MAX_MARKERS = 64
MAX_SEGMENTS = 1 << 16
"""Most segments of JPEGs looked at in one file. A camera's file has some hundreds, and sensor data
by chance looks like the start of a few; a file made of starts has millions."""
_CANON_BOXES = 4096
"""A CR3's CMT1 box, which is a small TIFF, lies within so many bytes of its start."""
_PLAIN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
"""JPEG frames that are pictures; sensor data is kept as lossless JPEG, whose frame is 0xC3."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A RAW file from its largest JPEG on, and the EXIF orientation that the file gives it."""

    data: bytes
    orientation: int


def find_preview(data: bytes) -> Preview | None:
    """Find the preview of a camera RAW file; None where ``data`` is none. Raises PhotoError.

    A DNG of plain colours that has no preview but a stamp is none: it is read as a TIFF.
    """
    pages = list(directories(data, makers=_MAKERS_TIFF))
    if not _is_raw(data, pages):
        return None
    parts = _Parts(pages)
    found = [
        (width * height, -start, width, height)
        for start, width, height in _jpegs(data)
        if start not in parts
    ]
    _, start, *size = max(found, default=(0, 0, 0, 0))
    full = max((max(page.number(_WIDTH), page.number(_HEIGHT)) for page in pages), default=0)
    if max(size) < min(STAMP_SIDE, full / 2) or not found:
        if _is_plain_linear(pages):
            return None
        raise PhotoError(Outcome.UNREADABLE, _reason(size, pages) if found else _NO_PREVIEW)
    return Preview(data[-start:], _orientation(data, pages))


_NO_PREVIEW = "a camera RAW file without a JPEG preview in it"


def _reason(size: list[int], pages: list[Directory]) -> str:
    width, height = max((page.number(_WIDTH), page.number(_HEIGHT)) for page in pages)
    stamp = f"{size[0]} x {size[1]}"
    return (
        f"a camera RAW file of {width} x {height} pixels whose only preview is a stamp of {stamp}"
    )


def is_raw(data: bytes) -> bool:
    """Whether this is a camera's RAW file, by its content: CR2, CR3, NEF, ARW, DNG, ..."""
    return _is_raw(data, list(directories(data, makers=_MAKERS_TIFF)))


def _is_raw(data: bytes, pages: list[Directory]) -> bool:
    if data[4:12] == b"ftypcrx " or data.startswith((_FUJI, *_MAKERS_TIFF)):
        return True
    if data[8:10] == b"CR" and is_tiff(data):
        return True
    if any(_holds_sensor_data(page) for page in pages):
        return True
    return any(_DNG_VERSION in page for page in pages) and not _is_plain(pages)


def _holds_sensor_data(page: Directory) -> bool:
    return (
        page.number(_PHOTOMETRIC) in (_MOSAIC, LINEAR_RAW)
        or page.number(_COMPRESSION) in _SENSOR_COMPRESSIONS
    )


def _is_plain(pages: list[Directory]) -> bool:
    """Whether the largest page is a full picture of plain colours, as scanners write a DNG."""
    largest = max(pages, key=_pixels)
    photometric = largest.number(_PHOTOMETRIC, -1)
    return _pixels(largest) > 0 and photometric in _PICTURES and not is_reduced(largest)


def _is_plain_linear(pages: list[Directory]) -> bool:
    """Whether the largest page holds linear colours, unpacked or packed as any bytes are."""
    largest = max(pages, key=_pixels, default=None)
    return (
        largest is not None
        and largest.number(_PHOTOMETRIC) == LINEAR_RAW
        and largest.number(_COMPRESSION, 1) in BYTE_COMPRESSIONS
        and largest.number(0x0115, 1) >= 3
    )


def _pixels(page: Directory) -> int:
    return page.number(_WIDTH) * page.number(_HEIGHT)


class _Parts:
    """The places of sensor data, and of the tiles and strips that make a page together."""

    def __init__(self, pages: list[Directory]) -> None:
        spans = sorted(span for page in pages for span in self._spans(page))
        self._starts = [start for start, _ in spans]
        self._ends = [start + size for start, size in spans]

    @staticmethod
    def _spans(page: Directory) -> list[tuple[int, int]]:
        starts = page.numbers(_TILES, _MAX_PARTS) or page.numbers(_STRIPS, _MAX_PARTS)
        sizes = page.numbers(_TILE_SIZES, _MAX_PARTS) or page.numbers(_STRIP_SIZES, _MAX_PARTS)
        alone = len(starts) == 1 and not _holds_sensor_data(page)
        return [] if alone else list(zip(starts, sizes, strict=False))

    def __contains__(self, place: int) -> bool:
        """Whether the place lies in one of them."""
        at = bisect_right(self._starts, place) - 1
        return at >= 0 and place < self._ends[at]


def _orientation(data: bytes, pages: list[Directory]) -> int:
    if data[4:8] == b"ftyp":
        start = data.find(b"CMT1", 0, _CANON_BOXES)
        data = data[start + 4 : start + 4 + _CANON_BOXES] if start >= 0 else b""
        pages = list(directories(data))
    return pages[0].number(ORIENTATION, 1) if pages else 1


# -- the JPEGs in it -------------------------------------------------------------------------------


def _jpegs(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Find every JPEG picture anywhere in the bytes: start, width and height. Raises PhotoError."""
    start, left = data.find(b"\xff\xd8\xff"), MAX_SEGMENTS
    while start >= 0:
        size, segments = _jpeg_size(data, start)
        left -= segments
        if left < 0:
            raise PhotoError(Outcome.UNREADABLE, f"a RAW file of {MAX_SEGMENTS:,} JPEG segments")
        if size is not None:
            yield (start, *size)
        start = data.find(b"\xff\xd8\xff", start + 2)


def _jpeg_size(data: bytes, start: int) -> tuple[tuple[int, int] | None, int]:
    """Width and height of the JPEG that begins here, None where none does; the segments read.

    ITU-T T.81, B.2.
    """
    at, size = start + 2, None
    for segments in range(1, _MAX_MARKERS + 1):
        if at + 10 > len(data) or data[at] != 0xFF:
            return None, segments
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xDA:
            return size, segments
        if marker in _PLAIN_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height) if data[at + 4] == 8 and width and height else None
        elif not (marker in (0xC4, 0xDB, 0xDD, 0xFE) or 0xE0 <= marker <= 0xEF) or length < 2:
            return None, segments
        at += 2 + length
    return None, _MAX_MARKERS
