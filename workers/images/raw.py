"""Camera RAW files, by the JPEG preview that the camera put into them.

No sensor data is ever developed: every camera embeds a JPEG of full or nearly full size, as the
photographer saw it. The containers differ by maker; the JPEG in them is always one contiguous
stream, so the largest one is searched for in the bytes, and only the orientation is read from the
container. No size that a file claims decides how much memory is taken.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError

ORIENTATION = 0x0112
_COMPRESSION, _PHOTOMETRIC = 0x0103, 0x0106
_SUB_IFDS, _DNG_VERSION = 0x014A, 0xC612

_SENSOR_PHOTOMETRICS = frozenset((32803, 34892))
"""Colour filter array and linear raw (TIFF/EP, ISO 12234-2; DNG 1.7)."""
_SENSOR_COMPRESSIONS = frozenset((32767, 32769, 32770, 34713, 65535))
"""Sony ARW, packed, Samsung SRW, Nikon NEF, Pentax PEF (as libtiff and ExifTool name them)."""
_MAKERS_TIFF = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
"""Olympus ORF and Panasonic RW2: TIFF in all but the number 42."""
_FUJI = b"FUJIFILMCCD-RAW"

_MAX_IFDS, _MAX_FIELDS = 16, 512
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
    """Find the preview of a camera RAW file; None where ``data`` is none. Raises PhotoError."""
    if not is_raw(data):
        return None
    found = [(width * height, -start) for start, width, height in _jpegs(data)]
    if not found:
        raise PhotoError(Outcome.UNREADABLE, "a camera RAW file without a JPEG preview in it")
    return Preview(data[-max(found)[1] :], _orientation(data))


def is_raw(data: bytes) -> bool:
    """Whether this is a camera's RAW file, by its content: CR2, CR3, NEF, ARW, DNG, ..."""
    if data[4:12] == b"ftypcrx " or data.startswith((_FUJI, *_MAKERS_TIFF)):
        return True
    if data[8:10] == b"CR" and _is_tiff(data):
        return True
    return _is_tiff(data) and any(_holds_sensor_data(ifd) for ifd in _ifds(data))


def _is_tiff(data: bytes) -> bool:
    return data.startswith((b"II*\0", b"MM\0*"))


def _holds_sensor_data(ifd: dict[int, tuple[int, ...]]) -> bool:
    return (
        _DNG_VERSION in ifd
        or not _SENSOR_PHOTOMETRICS.isdisjoint(ifd.get(_PHOTOMETRIC, ()))
        or not _SENSOR_COMPRESSIONS.isdisjoint(ifd.get(_COMPRESSION, ()))
    )


def _orientation(data: bytes) -> int:
    if data[4:8] == b"ftyp":
        start = data.find(b"CMT1", 0, _CANON_BOXES)
        data = data[start + 4 : start + 4 + _CANON_BOXES] if start >= 0 else b""
    first = next(_ifds(data), {})
    return next(iter(first.get(ORIENTATION, ())), 1)


# -- the container: just enough of TIFF ------------------------------------------------------------


def _ifds(data: bytes) -> Iterator[dict[int, tuple[int, ...]]]:
    """Read the integer fields of the first directory and of those below it."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return
    waiting, seen = [struct.unpack_from(order + "I", data, 4)[0]], set[int]()
    while waiting and len(seen) < _MAX_IFDS:
        offset = waiting.pop(0)
        if offset in seen or not 8 <= offset < len(data) - 2:
            continue
        seen.add(offset)
        ifd = _fields(data, offset, order)
        waiting.extend(ifd.get(_SUB_IFDS, ()))
        yield ifd


def _fields(data: bytes, offset: int, order: str) -> dict[int, tuple[int, ...]]:
    count = min(struct.unpack_from(order + "H", data, offset)[0], _MAX_FIELDS)
    fields: dict[int, tuple[int, ...]] = {}
    for start in range(offset + 2, min(offset + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, start)
        letter = {1: "B", 3: "H", 4: "I", 13: "I"}.get(kind)
        if letter is None or not 0 < number <= _MAX_IFDS:
            continue
        size = struct.calcsize(letter) * number
        at = start + 8 if size <= 4 else struct.unpack_from(order + "I", data, start + 8)[0]
        if at + size <= len(data):
            fields[tag] = struct.unpack_from(f"{order}{number}{letter}", data, at)
    return fields


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
