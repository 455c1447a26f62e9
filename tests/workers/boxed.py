"""Files of boxes made in code, of kinds that no encoder at hand writes."""

from __future__ import annotations

import struct

from tests.workers.pictures import encoded
from workers.models.base import Image


def box(kind: bytes, *content: bytes) -> bytes:
    """A box (ISO/IEC 14496-12, 4.2)."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *content: bytes, version: int = 0) -> bytes:
    """A box with a version, and flags of 0."""
    return box(kind, struct.pack(">I", version << 24), *content)


def avif_of_tiles(picture: Image, side: int) -> bytes:
    """An AVIF of square tiles, row by row, whose primary item is the grid of them."""
    height, width = picture.shape[:2]
    corners = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    tiles = [encoded(picture[y : y + side, x : x + side], "AVIF", quality=90) for y, x in corners]
    pieces = [
        struct.pack(">4BHH", 0, 0, height // side - 1, width // side - 1, width, height),
        *(tile[tile.index(b"mdat") + 4 :] for tile in tiles),
    ]
    at = tiles[0].index(b"av1C") - 4
    codec = tiles[0][at : at + int.from_bytes(tiles[0][at : at + 4])]
    properties = (_size(width, height), _size(side, side), full(b"pixi", b"\3\x08\x08\x08"), codec)
    head = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    start = len(head) + len(_meta(properties, pieces, 0)) + 8
    return head + _meta(properties, pieces, start) + box(b"mdat", *pieces)


def _size(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def _meta(properties: tuple[bytes, ...], pieces: list[bytes], start: int) -> bytes:
    """The tables of a grid, which is item 1, and its tiles, the items after it."""
    count = len(pieces)
    kinds = [b"grid", *[b"av01"] * (count - 1)]
    entries = [
        full(b"infe", struct.pack(">HH", item, 0), kind, b"\0", version=2)
        for item, kind in enumerate(kinds, start=1)
    ]
    owned = [b"\2\1\3", *[b"\3\x84\2\3"] * (count - 1)]  # the codec is essential
    owners = [struct.pack(">H", item) + each for item, each in enumerate(owned, start=1)]
    places = []
    for item, piece in enumerate(pieces, start=1):
        places.append(struct.pack(">HHHII", item, 0, 1, start, len(piece)))
        start += len(piece)
    made_of = struct.pack(f">HH{count - 1}H", 1, count - 1, *range(2, count + 1))
    return full(
        b"meta",
        full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full(b"pitm", struct.pack(">H", 1)),
        full(b"iloc", b"\x44\0", struct.pack(">H", count), *places),
        full(b"iinf", struct.pack(">H", count), *entries),
        full(b"iref", box(b"dimg", made_of)),
        box(b"iprp", box(b"ipco", *properties), full(b"ipma", struct.pack(">I", count), *owners)),
    )
