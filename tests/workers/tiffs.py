"""TIFF files of any layout, made in code after TIFF 6.0."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SHORT, LONG, BYTE = 3, 4, 1
DEFLATE, LZW, PACKBITS = 8, 5, 32773
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, LINEAR_RAW = 0, 1, 2, 3, 5, 34892
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2


def lzw(data: bytes) -> bytes:
    """Codes of 9 bits, the table cleared before a tenth would be needed (TIFF 6.0, section 13)."""
    codes = []
    for start in range(0, len(data), 250):
        codes += [256, *data[start : start + 250]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))


def packbits(data: bytes) -> bytes:
    """Literal runs only."""
    runs = [data[start : start + 128] for start in range(0, len(data), 128)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


PACKERS: dict[int, Callable[[bytes], bytes]] = {
    1: bytes,
    DEFLATE: zlib.compress,
    LZW: lzw,
    PACKBITS: packbits,
}


@dataclass
class Page:
    """A page: its samples (rows x columns x samples), its layout, and more fields by tag."""

    values: Array
    photometric: int = RGB
    separate: bool = False
    rows: int = 16
    tile: int | None = None
    packing: int = 1
    predictor: int = 1
    more: dict[int, tuple[int, list[int]]] = field(default_factory=dict)
    below: list[Page] = field(default_factory=list)

    def fields(self, order: str) -> tuple[dict[int, tuple[int, list[int]]], list[bytes]]:
        """All fields but the places of the parts, and the parts."""
        height, width, samples = self.values.shape
        kind = {"u": 1, "i": 2, "f": 3}[self.values.dtype.kind]
        layout = (
            {278: (LONG, [self.rows])}
            if self.tile is None
            else {322: (LONG, [self.tile]), 323: (LONG, [self.tile])}
        )
        return {
            256: (LONG, [width]),
            257: (LONG, [height]),
            258: (SHORT, [self.values.dtype.itemsize * 8] * samples),
            259: (SHORT, [self.packing]),
            262: (SHORT, [self.photometric]),
            277: (SHORT, [samples]),
            284: (SHORT, [2 if self.separate else 1]),
            317: (SHORT, [self.predictor]),
            339: (SHORT, [kind] * samples),
            **layout,
            **self.more,
        }, [self._packed(part, order) for part in self._parts()]

    def _parts(self) -> list[Array]:
        samples = self.values.shape[2]
        planes = np.split(self.values, samples, axis=2) if self.separate else [self.values]
        return [part for plane in planes for part in self._cut(plane)]

    def _cut(self, plane: Array) -> list[Array]:
        height, width = plane.shape[:2]
        if self.tile is None:
            return [plane[top : top + self.rows] for top in range(0, height, self.rows)]
        side = self.tile
        whole = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)))
        tops, lefts = range(0, height, side), range(0, width, side)
        return [whole[y : y + side, x : x + side] for y in tops for x in lefts]

    def _packed(self, part: Array, order: str) -> bytes:
        if self.predictor == 2:
            part = np.concatenate([part[:, :1], part[:, 1:] - part[:, :-1]], axis=1)
        stored = part.astype(part.dtype.newbyteorder(order))
        return PACKERS[self.packing](stored.tobytes())


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """A file of these pages."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    data = bytearray(head + (struct.pack(order + "HHQ", 8, 0, 0) if big else bytes(4)))
    link = 8 if big else 4
    for page in pages:
        at, link_after = _append(data, page, order, big)
        struct.pack_into(order + ("Q" if big else "I"), data, link, at)
        link = link_after
    return bytes(data)


def _append(data: bytearray, page: Page, order: str, big: bool) -> tuple[int, int]:
    """Write a page: where its directory begins, and where the next one's place goes."""
    fields, parts = page.fields(order)
    below = [_append(data, each, order, big)[0] for each in page.below]
    if below:
        fields[330] = (LONG, below)
    starts = []
    for part in parts:
        starts.append(len(data))
        data += part
    places = (273, 279) if page.tile is None else (324, 325)
    fields |= dict(zip(places, ((LONG, starts), (LONG, list(map(len, parts)))), strict=True))
    entry, room, letter = ("HHQ", 8, "Q") if big else ("HHI", 4, "I")
    directory = b""
    for tag, (kind, values) in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(values)}{ {1: 'B', 3: 'H', 4: 'I'}[kind] }", *values)
        if len(packed) > room:
            place = struct.pack(order + letter, len(data))
            data += packed
            packed = place
        directory += struct.pack(order + entry, tag, kind, len(values)) + packed.ljust(room, b"\0")
    at = len(data)
    data += struct.pack(order + ("Q" if big else "H"), len(fields)) + directory
    data += bytes(8 if big else 4)
    return at, len(data) - (8 if big else 4)
