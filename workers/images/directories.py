"""Directories of TIFF files, and of RAW files that are TIFF in all but name (TIFF 6.0, part 2).

No size that a file claims decides how much is read: a field that lies out of the file is none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

SUB_IFDS = 0x014A
MAX_DIRECTORIES, MAX_FIELDS, MAX_NUMBERS = 64, 512, 1 << 20
"""Directories looked at per file, fields per directory, and numbers per field. Cameras and scanners
write fewer than 10 and 100, and a directory for each page of a longer document; 250 million pixels
in tiles of 16 x 16 are a million places. Of more numbers none is read."""

_LETTERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 18: "u8"}
"""Types of whole numbers, as numpy names them; 16 and 18 are BigTIFF's."""
_SIZES = {2: 1, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8} | {k: int(v[1]) for k, v in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Directory:
    """One page's fields, read from the file when asked for."""

    data: bytes = field(repr=False)
    order: str
    offset: int
    places: dict[int, tuple[int, int, int]] = field(repr=False)
    """Type, count and place of each field, by its tag."""

    def numbers(self, tag: int, most: int = MAX_NUMBERS) -> list[int]:
        """Read a field's first ``most`` whole numbers; none of one that lies out of the file."""
        kind, count, at = self.places.get(tag, (0, 0, 0))
        letters = _LETTERS.get(kind)
        if letters is None or count > MAX_NUMBERS or at + count * int(letters[1]) > len(self.data):
            return []
        found = np.frombuffer(self.data, self.order + letters, min(count, most), at)
        listed: list[int] = found.tolist()
        return listed

    def number(self, tag: int, default: int = 0) -> int:
        """Read the first whole number of a field."""
        kind, count, at = self.places.get(tag, (0, 0, 0))
        letters = _LETTERS.get(kind)
        if letters is None or not count or at + int(letters[1]) > len(self.data):
            return default
        return int(np.frombuffer(self.data, self.order + letters, 1, at)[0])

    def __contains__(self, tag: int) -> bool:
        """Whether the page has this field."""
        return tag in self.places


def directories(data: bytes, *, makers: tuple[bytes, ...] = ()) -> Iterator[Directory]:
    """Read the pages in their order, each followed by the directories below it.

    ``makers`` are starts of files that are TIFF but for their number 42.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    if not (big or is_tiff(data) or data.startswith(makers)):
        return
    waiting = [struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]]
    seen = set[int]()
    while waiting and len(seen) < MAX_DIRECTORIES:
        offset = waiting.pop(0)
        if offset in seen or not 8 <= offset < len(data) - 8:
            continue
        seen.add(offset)
        places, following = _places(data, offset, order, big=big)
        page = Directory(data, order, offset, places)
        waiting[:0] = [*page.numbers(SUB_IFDS, MAX_DIRECTORIES), following]
        yield page


def is_tiff(data: bytes) -> bool:
    """Whether the header is that of a TIFF or BigTIFF."""
    return data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def _places(
    data: bytes, offset: int, order: str, *, big: bool
) -> tuple[dict[int, tuple[int, int, int]], int]:
    """Read where a directory's fields lie, and the offset of the page after it; 0 for none."""
    head, entry = (order + "Q", order + "HHQ") if big else (order + "H", order + "HHI")
    step, inline = (20, 8) if big else (12, 4)
    number = struct.unpack_from(head, data, offset)[0]
    start = offset + struct.calcsize(head)
    places: dict[int, tuple[int, int, int]] = {}
    for at in range(start, start + step * min(number, MAX_FIELDS), step):
        if at + step > len(data):
            return places, 0
        tag, kind, count = struct.unpack_from(entry, data, at)
        place = at + step - inline
        if count * _SIZES.get(kind, 1) > inline:
            place = struct.unpack_from(order + ("Q" if big else "I"), data, place)[0]
        places.setdefault(tag, (kind, count, place))
    end = start + step * number
    last = order + ("Q" if big else "I")
    return places, struct.unpack_from(last, data, end)[0] if end + inline <= len(data) else 0
