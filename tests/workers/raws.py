"""Camera RAW containers made in code: valid in what headcount reads of them, noise in the rest."""

from __future__ import annotations

import struct

from tests.workers.pictures import noise

Field = tuple[int, int, tuple[int, ...]]
SHORT, LONG = 3, 4
ORIENTATION, PHOTOMETRIC, COMPRESSION, SUB_IFDS, DNG_VERSION = 0x112, 0x106, 0x103, 0x14A, 0xC612
SENSOR = noise(200, 100).tobytes()
LOSSLESS = b"\xff\xd8\xff\xc3\x00\x14\x0e\x0f\x00\x0f\x00\x04" + bytes(14) + b"\xff\xda\x00\x08"


def ifd(fields: list[Field], order: str) -> bytes:
    """One directory of short fields that need no room of their own."""
    body = b""
    for tag, kind, values in sorted(fields):
        letter = {1: "B", SHORT: "H", LONG: "I"}[kind]
        packed = struct.pack(f"{order}{len(values)}{letter}", *values)
        assert len(packed) <= 4
        body += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    return struct.pack(order + "H", len(fields)) + body + bytes(4)


def tiff_like(
    fields: list[Field],
    *pictures: bytes,
    order: str = "<",
    magic: bytes = b"",
    sub: list[Field] | None = None,
    head: bytes = b"",
) -> bytes:
    """A TIFF header, one directory (and one below it), and after them whatever pictures."""
    start = 8 + len(head)
    if sub is not None:
        below = start + 2 + 12 * (len(fields) + 1) + 4
        fields = [*fields, (SUB_IFDS, LONG, (below,))]
    magic = magic or (b"II*\0" if order == "<" else b"MM\0*")
    directories = ifd(fields, order) + (ifd(sub, order) if sub is not None else b"")
    return magic + struct.pack(order + "I", start) + head + directories + b"".join(pictures)


def turned(orientation: int) -> Field:
    return (ORIENTATION, SHORT, (orientation,))


def cr2(orientation: int, *pictures: bytes) -> bytes:
    return tiff_like([turned(orientation)], *pictures, LOSSLESS, SENSOR, head=b"CR\2\0\0\0\0\0")


def nef(orientation: int, *pictures: bytes) -> bytes:
    tiny = [turned(orientation), (PHOTOMETRIC, SHORT, (2,)), (0x100, SHORT, (4,))]
    sensor: list[Field] = [(COMPRESSION, SHORT, (34713,)), (PHOTOMETRIC, SHORT, (32803,))]
    return tiff_like(tiny, *pictures, SENSOR, order=">", sub=sensor)


def arw(orientation: int, *pictures: bytes) -> bytes:
    sensor: list[Field] = [(COMPRESSION, SHORT, (32767,))]
    return tiff_like([turned(orientation)], *pictures, SENSOR, sub=sensor)


def dng(orientation: int, *pictures: bytes) -> bytes:
    fields = [turned(orientation), (DNG_VERSION, 1, (1, 4, 0, 0))]
    return tiff_like(fields, *pictures, LOSSLESS, SENSOR)


def pef(orientation: int, *pictures: bytes) -> bytes:
    fields = [turned(orientation), (COMPRESSION, SHORT, (65535,))]
    return tiff_like(fields, *pictures, SENSOR, order=">")


def orf(orientation: int, *pictures: bytes) -> bytes:
    return tiff_like([turned(orientation)], *pictures, SENSOR, magic=b"IIRO")


def rw2(orientation: int, *pictures: bytes) -> bytes:
    return tiff_like([turned(orientation)], *pictures, SENSOR, magic=b"IIU\0")


def cr3(orientation: int, *pictures: bytes) -> bytes:
    metadata = b"CMT1" + tiff_like([turned(orientation)])
    box = struct.pack(">I", 4 + len(metadata)) + metadata
    head = struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom"
    return head + struct.pack(">I", 8 + len(box)) + b"moov" + box + b"".join(pictures) + SENSOR


def raf(orientation: int, *pictures: bytes) -> bytes:
    """A Fujifilm file leaves it to its preview to say how it is turned."""
    return b"FUJIFILMCCD-RAW 0201FF129502X-T3".ljust(148, b"\0") + b"".join(pictures) + SENSOR
