"""IPTC's Information Interchange Model: data sets of a record and a number, as old programs write.

It lies in Photoshop's resources of a JPEG, and in a tag of its own in TIFF.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

DataSet = tuple[int, int]
CHARSET: DataSet = (1, 90)
KEYWORDS: DataSet = (2, 25)
DATE_CREATED: DataSet = (2, 55)
TIME_CREATED: DataSet = (2, 60)
_WANTED = frozenset({CHARSET, KEYWORDS, DATE_CREATED, TIME_CREATED})

_UTF8 = b"\x1b%G"
_IPTC_RESOURCE = 0x0404
_MOST = 20_000
"""Data sets, or resources, that are looked at."""


def read_iim(data: bytes) -> dict[DataSet, list[str]]:
    """The texts of the data sets that are asked for here."""
    found: defaultdict[DataSet, list[bytes]] = defaultdict(list)
    for key, value in _data_sets(data):
        if key in _WANTED:
            found[key].append(value)
    utf8 = _UTF8 in found.pop(CHARSET, [])
    return {key: [_text(value, utf8) for value in values] for key, values in found.items()}


def iptc_resource(data: bytes) -> bytes:
    """The IPTC block among Photoshop's image resources; empty without one."""
    at = 0
    for _ in range(_MOST):
        if data[at : at + 4] not in (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"):
            return b""
        number = int.from_bytes(data[at + 4 : at + 6])
        at += 6
        at += (data[at] + 2 & ~1) if at < len(data) else 0  # the name, padded to even
        size = int.from_bytes(data[at : at + 4])
        if number == _IPTC_RESOURCE:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return b""


def _data_sets(data: bytes) -> Iterator[tuple[DataSet, bytes]]:
    at = 0
    for _ in range(_MOST):
        if at + 5 > len(data) or data[at] != 0x1C:
            return
        key, size = (data[at + 1], data[at + 2]), int.from_bytes(data[at + 3 : at + 5])
        at += 5
        if size & 0x8000:  # so many bytes are the size
            length = min(size & 0x7FFF, 8)
            size = int.from_bytes(data[at : at + length])
            at += length
        yield key, data[at : at + size]
        at += size


def _text(value: bytes, utf8: bool) -> str:
    """A value as text: UTF-8, which many write without saying so, or else Latin."""
    try:
        return value.decode("utf-8").strip("\0 ")
    except UnicodeDecodeError:
        return value.decode("utf-8" if utf8 else "cp1252", "replace").strip("\0 ")
