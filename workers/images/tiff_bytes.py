"""The bytes of a TIFF's strips and tiles, unpacked by Pillow's libtiff whatever they mean.

Its own reading of deep, signed, float and separate samples differs from what the file says, so
that it is shown each band of strips or row of tiles as a small grey picture of single bytes.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.tiff_page import Page

Bytes = NDArray[np.uint8]
BAND_BYTES = 16 << 20
"""Unpacked bytes that are made at a time, or one strip or row of tiles if that is more."""
MAX_PART_BYTES = 1 << 31
"""Most unpacked bytes of one strip or row of tiles: 16-bit RGB of 350 million pixels."""
_FILL_ORDER = 266
_PLAIN = 1
_PACKED_MORE = 4096
"""Bytes beyond twice its unpacked ones that a packed part may have; LZW makes noise half longer."""
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])
"""Each byte with its bits from the other end."""


@dataclass(frozen=True, slots=True)
class Grid:
    """How a page is cut: ``across`` parts of ``width`` x ``height`` pixels in each row of them."""

    width: int
    height: int
    across: int
    down: int
    row_bytes: int
    """Bytes of one row of one part."""


def grid_of(page: Page) -> Grid:
    """Tell how each plane of a page is cut into strips or tiles."""
    width, height = page.tile or (page.width, page.fields.number(278, page.height))
    height = height if page.tile else min(height or page.height, page.height)
    if width < 1 or height < 1:
        raise PhotoError(Outcome.UNREADABLE, "damaged: a TIFF whose tiles have no pixels")
    per_pixel = page.bits * (1 if page.separate else page.samples)
    across, down = -(-page.width // width), -(-page.height // height)
    return Grid(width, height, across, down, row_bytes=-(-width * per_pixel // 8))


def bands(page: Page, grid: Grid, planes: int) -> Iterator[tuple[int, list[Bytes]]]:
    """Unpack a page from the top: the first row of each band, and one array per plane.

    An array is rows x parts across x bytes of a part's row.
    """
    at_once = grid.height * grid.across * grid.row_bytes * planes
    if at_once > MAX_PART_BYTES and page.compression != _PLAIN:
        raise PhotoError(Outcome.UNREADABLE, f"a TIFF whose strips unpack to {at_once:,} bytes")
    parts, step = _parts(page, grid, planes), max(1, BAND_BYTES // at_once)
    for first in range(0, grid.down, step):
        last = min(first + step, grid.down)
        numbers = slice(first * grid.across, last * grid.across)
        rows = min(last * grid.height, page.height) - first * grid.height
        yield (
            first * grid.height,
            [_unpacked(page, grid, plane[numbers], rows)[:rows] for plane in parts],
        )


def _parts(page: Page, grid: Grid, planes: int) -> list[list[memoryview]]:
    """The packed parts of each plane; raises PhotoError unless all of them are in the file."""
    tiles = 324 in page.fields
    starts = page.fields.numbers(324 if tiles else 273)
    sizes = page.fields.numbers(325 if tiles else 279)
    each = grid.across * grid.down
    if len(starts) < each * planes:
        raise PhotoError(Outcome.UNREADABLE, "truncated file")
    if len(sizes) < len(starts):
        if page.compression != _PLAIN and len(starts) > 1:
            raise PhotoError(Outcome.UNREADABLE, "damaged: a TIFF without the sizes of its strips")
        sizes = [grid.row_bytes * grid.height] * len(starts)
    data = memoryview(page.fields.data)
    most = 2 * grid.row_bytes * grid.height + _PACKED_MORE
    found = [
        data[start : start + min(size, most)] for start, size in zip(starts, sizes, strict=False)
    ]
    if any(start == 0 or not len(part) for start, part in zip(starts, found, strict=True)):
        raise PhotoError(Outcome.UNREADABLE, "truncated file")
    return [found[plane * each : (plane + 1) * each] for plane in range(planes)]


def _unpacked(page: Page, grid: Grid, parts: list[memoryview], rows: int) -> Bytes:
    """Unpack whole rows of parts; strips hold ``rows`` rows in all, tiles more."""
    if page.compression != _PLAIN:
        lines = rows if page.tile is None else len(parts) // grid.across * grid.height
        shape = (lines, grid.across, grid.row_bytes)
        return _shown(page, grid, parts, lines).reshape(shape)
    lying = _plain_strips(grid, parts, rows) if page.tile is None else _plain_tiles(grid, parts)
    return _REVERSED[lying] if page.fields.number(_FILL_ORDER) == 2 else lying


def _plain_strips(grid: Grid, parts: list[memoryview], rows: int) -> Bytes:
    each, needed = grid.row_bytes * grid.height, grid.row_bytes * rows
    whole = parts[0] if len(parts) == 1 else b"".join(part[:each] for part in parts)
    if len(whole) < needed or any(len(part) < each for part in parts[:-1]):
        raise PhotoError(Outcome.UNREADABLE, "truncated file")
    return np.frombuffer(whole[:needed], np.uint8).reshape(rows, 1, grid.row_bytes)


def _plain_tiles(grid: Grid, parts: list[memoryview]) -> Bytes:
    each = grid.row_bytes * grid.height
    if any(len(part) < each for part in parts):
        raise PhotoError(Outcome.UNREADABLE, "truncated file")
    tiles = np.stack([np.frombuffer(part[:each], np.uint8) for part in parts])
    rows = tiles.reshape(-1, grid.across, grid.height, grid.row_bytes).swapaxes(1, 2)
    return rows.reshape(-1, grid.across, grid.row_bytes)


def _shown(page: Page, grid: Grid, parts: list[memoryview], lines: int) -> Bytes:
    """Have Pillow unpack the parts as one picture of single bytes."""
    width = grid.across * grid.row_bytes
    sizes = [len(part) for part in parts]
    starts = np.cumsum([8, *sizes[:-1]]).tolist()
    fields = {256: [width], 257: [lines], 258: [8], 259: [page.compression], 262: [1], 277: [1]}
    fields[_FILL_ORDER] = [page.fields.number(_FILL_ORDER, 1)]
    if page.tile is None:
        fields |= {273: starts, 278: [grid.height], 279: sizes}
    else:
        fields |= {322: [grid.row_bytes], 323: [grid.height], 324: starts, 325: sizes}
    with Pillow.open(io.BytesIO(_tiff(fields, parts)), formats=["TIFF"]) as picture:
        picture.load()
        return np.asarray(picture)


def _tiff(fields: dict[int, list[int]], parts: list[memoryview]) -> bytes:
    """A little-endian TIFF of one page of long fields, its parts from byte 8 on."""
    start = 8 + sum(len(part) for part in parts)
    directory, more = b"", b""
    behind = start + 2 + 12 * len(fields) + 4
    for tag, values in sorted(fields.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, more = struct.pack("<I", behind + len(more)), more + packed
        directory += struct.pack("<HHI", tag, 4, len(values)) + packed
    head = b"II*\0" + struct.pack("<I", start)
    return b"".join([head, *parts, struct.pack("<H", len(fields)), directory, bytes(4), more])
