"""TIFF tags of EXIF blocks, TIFF files and RAW files built like them, read where they lie."""

from __future__ import annotations

from collections.abc import Container

EXIF_IFD = 0x8769
MOST_TAGS = 4_096
"""Tags of a directory that are looked at; cameras write a hundred."""
LARGEST = 8 * 2**20
"""Bytes of a value."""

_ORDERS = {b"II": "little", b"MM": "big"}
_MARKS = frozenset({42, 43, 0x55, 0x4F52, 0x5352, 0x524F, 0x5253})
"""The number after the byte order: TIFF, BigTIFF, Panasonic, and Olympus in either order."""
_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)
"""Bytes of a value of each type."""


class Tags:
    """The directories of a TIFF structure. Raises ValueError where the bytes are none.

    Values that are not there, are too large, or lie outside, are left out without a word.
    """

    def __init__(self, data: bytes) -> None:
        order = _ORDERS.get(data[:2])
        if order is None or len(data) < 8:
            raise ValueError("no TIFF structure")
        self._data, self._little = data, order == "little"
        mark = self._number(2, 2)
        if mark not in _MARKS:
            raise ValueError("no TIFF structure")
        self._big = mark == 43
        self.first = self._number(8, 8) if self._big else self._number(4, 4)

    def read(self, directory: int, wanted: Container[int]) -> dict[int, bytes]:
        """The values of some tags of the directory at an offset, each as its bytes."""
        head, entry = (8, 20) if self._big else (2, 12)
        found: dict[int, bytes] = {}
        for number in range(min(self._number(directory, head), MOST_TAGS)):
            at = directory + head + number * entry
            if at + entry > len(self._data):
                break
            tag = self._number(at, 2)
            if tag in wanted and tag not in found and (value := self._value(at)):
                found[tag] = value
        return found

    def offset(self, value: bytes) -> int:
        """A value as a number, which points to a directory."""
        return int.from_bytes(value[:8], "little" if self._little else "big")

    def _value(self, at: int) -> bytes:
        """The bytes of an entry's value, which stand in the entry itself where they fit."""
        kind, inside = self._number(at + 2, 2), 8 if self._big else 4
        size = _SIZES[kind] if kind < len(_SIZES) else 0
        size *= self._number(at + 4, inside)
        start = at + 4 + inside
        if size > inside:
            start = self._number(start, inside)
        return self._data[start : start + size] if 0 < size <= LARGEST else b""

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size], "little" if self._little else "big")
