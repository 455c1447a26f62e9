"""The boxes of a HEIC or AVIF (ISO/IEC 14496-12 and 23008-12): what they say of the primary item.

Read from untrusted bytes: a size is a claim, checked against the bytes that are there, and all
reading ends after so many steps. Pixels and their sizes are the decoder's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from workers.images.turns import turned_further
from workers.images.unread import VIDEO_BRANDS

MAX_STEPS = 200_000
"""Most numbers read of one file. A phone's file of 200 tiles has about 4,000, and libheif takes
1,000 items at most."""
MAX_DEPTH = 8
"""Most items that are each made of the next. A picture of tiles has two."""
MAX_EXIF_BYTES = 1 << 20
"""Most bytes of EXIF that are looked at; the orientation stands among its first."""

_SEQUENCES = frozenset((b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"))
"""Brands of files whose decoders show a track's first picture rather than the primary item."""
_MIRRORED = (0, 2, 1, 4, 3, 6, 5, 8, 7)
"""The EXIF orientation that does what 1 to 8 do and then changes left and right."""


class Tiles(NamedTuple):
    """A grid: its tiles' item numbers, row by row, columns, and the pixels of each tile.

    ``hidden_at`` is the place of the byte that hides each of them.
    """

    items: tuple[int, ...]
    hidden_at: tuple[int, ...]
    columns: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Boxes:
    """A file's primary item.

    ``turn`` is the EXIF orientation that does what its turning boxes do, None without any.
    ``lacks`` says what of its pixels, or of the EXIF that turns it, is not in the file, None where
    all is. ``exif`` is its EXIF, from the TIFF header on, or nothing. ``tiles`` is None but of a
    grid. ``primary_at`` is the place of the primary item's number, with its length in bytes.
    """

    turn: int | None
    lacks: str | None
    exif: bytes
    tiles: Tiles | None
    primary_at: tuple[int, int]


def read_boxes(data: bytes) -> Boxes | None:
    """Read what the boxes say of the primary item; None of other files and unreadable boxes."""
    if data[4:8] != b"ftyp" or data[8:12] in _SEQUENCES or data[8:12].startswith(VIDEO_BRANDS):
        return None
    try:
        return _read(data)
    except _UnreadableError:
        return None


def as_primary(data: bytes, boxes: Boxes, tiles: Tiles, number: int) -> bytes:
    """The same file with one of its tiles as primary item, so that a decoder shows it alone."""
    at, length = boxes.primary_at
    changed = bytearray(data)
    changed[at : at + length] = tiles.items[number].to_bytes(length)
    changed[tiles.hidden_at[number]] &= 0xFE
    return bytes(changed)


class _UnreadableError(Exception):
    """Boxes that are no boxes, contradict themselves, or are too many."""


class _Box(NamedTuple):
    """A box's kind, and where its content begins and ends."""

    kind: bytes
    start: int
    end: int


class _Reader:
    """Big-endian numbers of a file, one after another, up to an end."""

    def __init__(self, data: bytes, start: int, end: int, steps: list[int]) -> None:
        self.data, self.at, self.end = data, start, min(end, len(data))
        self._steps = steps

    def inside(self, box: _Box) -> _Reader:
        """Reader of a box's content, on the same account of steps."""
        return _Reader(self.data, box.start, box.end, self._steps)

    def bytes(self, count: int) -> bytes:
        self._steps[0] -= 1
        if self._steps[0] < 0 or self.at + count > self.end:
            raise _UnreadableError
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count: int) -> int:
        return int.from_bytes(self.bytes(count))

    def head(self) -> tuple[int, int]:
        """Version and flags of a full box."""
        return self.number(1), self.number(3)

    def boxes(self) -> Iterator[_Box]:
        """The boxes from here on; the last may claim to end beyond this reader's end."""
        while self.at + 8 <= self.end:
            began, size, kind = self.at, self.number(4), self.bytes(4)
            if size == 1:
                size = self.number(8)
            elif size == 0:
                size = self.end - began
            if size < self.at - began:
                raise _UnreadableError
            yield _Box(kind, self.at, began + size)
            self.at = began + size


@dataclass(slots=True)
class _Meta:
    """The tables of a file's meta box, by item number."""

    primary: int = 0
    primary_at: tuple[int, int] = (0, 0)
    kinds: dict[int, bytes] = field(default_factory=dict)
    hidden_at: dict[int, int] = field(default_factory=dict)
    made_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    describes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    properties: list[_Box] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """First byte and the one after the last of each piece of an item."""


def _read(data: bytes) -> Boxes | None:
    reader = _Reader(data, 0, len(data), [MAX_STEPS])
    claimed = 0
    for box in reader.boxes():
        claimed = box.end
        if box.kind == b"meta" and box.end <= len(data):
            meta = _read_meta(reader.inside(box))
            return _primary_of(reader, meta)
    if claimed <= len(data):
        return None
    return Boxes(None, "truncated file", b"", None, (0, 0))


def _read_meta(reader: _Reader) -> _Meta:
    meta = _Meta()
    reader.head()
    boxes = {box.kind: box for box in reader.boxes()}
    for kind, read in _TABLES.items():
        if kind in boxes:
            read(meta, reader.inside(boxes[kind]))
    if b"iloc" in boxes:
        idat = boxes.get(b"idat", _Box(b"idat", 0, 0))
        _read_places(meta, reader.inside(boxes[b"iloc"]), idat)
    return meta


def _read_primary(meta: _Meta, reader: _Reader) -> None:
    length = 4 if reader.head()[0] else 2
    meta.primary_at = (reader.at, length)
    meta.primary = reader.number(length)


def _read_kinds(meta: _Meta, reader: _Reader) -> None:
    reader.number(4 if reader.head()[0] else 2)
    for box in reader.boxes():
        entry = reader.inside(box)
        version = entry.head()[0]
        if version >= 2:
            hidden_at = entry.at - 1
            item = entry.number(2 if version == 2 else 4)
            entry.number(2)  # protection
            meta.kinds[item], meta.hidden_at[item] = entry.bytes(4), hidden_at


def _read_references(meta: _Meta, reader: _Reader) -> None:
    length = 4 if reader.head()[0] else 2
    tables = {b"dimg": meta.made_of, b"cdsc": meta.describes}
    for box in reader.boxes():
        if box.kind in tables:
            entry = reader.inside(box)
            item, count = entry.number(length), entry.number(2)
            tables[box.kind][item] = tuple(entry.number(length) for _ in range(count))


def _read_properties(meta: _Meta, reader: _Reader) -> None:
    for box in reader.boxes():
        if box.kind == b"ipco":
            meta.properties = list(reader.inside(box).boxes())
        elif box.kind == b"ipma":
            _read_owners(meta, reader.inside(box))


def _read_owners(meta: _Meta, reader: _Reader) -> None:
    version, flags = reader.head()
    wide = flags & 1
    for _ in range(reader.number(4)):
        owned = meta.owned.setdefault(reader.number(4 if version else 2), [])
        for _ in range(reader.number(1)):  # the highest bit says that a property is essential
            owned.append(reader.number(2) & 0x7FFF if wide else reader.number(1) & 0x7F)


_TABLES = {
    b"pitm": _read_primary,
    b"iinf": _read_kinds,
    b"iref": _read_references,
    b"iprp": _read_properties,
}


def _read_places(meta: _Meta, reader: _Reader, idat: _Box) -> None:
    """Read where items lie; those built of other items' bytes (method 2) have no place."""
    version, _ = reader.head()
    sizes = reader.number(2)
    offset, length, base, index = ((sizes >> shift) & 15 for shift in (12, 8, 4, 0))
    for _ in range(reader.number(2 if version < 2 else 4)):
        item = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)  # in which file
        began = reader.number(base) + (idat.start if method == 1 else 0)
        places = meta.extents.setdefault(item, [])
        for _ in range(reader.number(2)):
            reader.bytes(index if version else 0)
            start = began + reader.number(offset)
            size = reader.number(length)
            if method < 2:
                places.append((start, start + size if size else len(reader.data)))


def _primary_of(reader: _Reader, meta: _Meta) -> Boxes:
    turn = _turn_of(reader, meta)
    exif = next((item for item in meta.describes if _is_exif_of_primary(meta, item)), None)
    lacks = _lacking(reader, meta)
    if lacks is None and turn is None and not _is_there(reader, meta, exif):
        lacks = "truncated file"
    return Boxes(
        turn,
        lacks,
        b"" if exif is None else _tiff_of(_bytes_of(reader, meta, exif)),
        _tiles_of(reader, meta),
        meta.primary_at,
    )


def _is_exif_of_primary(meta: _Meta, item: int) -> bool:
    return meta.kinds.get(item) == b"Exif" and meta.primary in meta.describes[item]


def _turn_of(reader: _Reader, meta: _Meta) -> int | None:
    """Compose the turning boxes of the primary item, and of those it stands for, in their order."""
    chain = [meta.primary]
    while meta.kinds.get(chain[-1]) == b"iden" and len(chain) < MAX_DEPTH:
        chain += meta.made_of.get(chain[-1], ())[:1] or (0,)
    turn = None
    for item in reversed(chain):
        for box in _properties_of(meta, item):
            if box.kind in (b"irot", b"imir"):
                turn = _turned(turn or 1, box.kind, reader.inside(box).number(1))
    return turn


def _properties_of(meta: _Meta, item: int) -> Iterator[_Box]:
    for index in meta.owned.get(item, ()):
        if 0 < index <= len(meta.properties):
            yield meta.properties[index - 1]


def _turned(orientation: int, kind: bytes, value: int) -> int:
    """The orientation after one more box: a turn by quarters, or a mirror along an axis."""
    if kind == b"irot":
        return turned_further(orientation, value & 3)
    return turned_further(_MIRRORED[orientation], 0 if value & 1 else 2)


def _lacking(reader: _Reader, meta: _Meta) -> str | None:
    """A word on the first item of the picture whose bytes are not in the file; None of a whole."""
    parts = _parts_of(meta)
    lost = next((at for at, item in enumerate(parts) if not _is_there(reader, meta, item)), None)
    if lost is None:
        return None
    if lost and meta.kinds.get(meta.primary) == b"grid":
        return f"truncated file: it ends before tile {lost} of {len(parts) - 1}"
    return "truncated file"


def _parts_of(meta: _Meta) -> list[int]:
    """The primary item and those it is made of, each once."""
    parts = {meta.primary: None}
    waiting = [meta.primary]
    while waiting:
        found = [part for part in meta.made_of.get(waiting.pop(), ()) if part not in parts]
        parts |= dict.fromkeys(found)
        waiting += found
    return list(parts)


def _is_there(reader: _Reader, meta: _Meta, item: int | None) -> bool:
    """Whether all bytes of an item are in the file, as of one that has none."""
    size = len(reader.data)
    return item is None or all(end <= size for _, end in meta.extents.get(item, ()))


def _bytes_of(reader: _Reader, meta: _Meta, item: int) -> bytes:
    """The first piece of an item, cut off at a length that no EXIF's first tags reach."""
    start, end = next(iter(meta.extents.get(item, ())), (0, 0))
    return reader.data[start : min(end, start + MAX_EXIF_BYTES)]


def _tiff_of(exif: bytes) -> bytes:
    """EXIF from its TIFF header on, which an offset before it points to (23008-12, A.2.1)."""
    start = 4 + int.from_bytes(exif[:4])
    if exif[start : start + 2] in (b"II", b"MM"):
        return exif[start:]
    starts = [at for mark in (b"II*\0", b"MM\0*") if (at := exif.find(mark, 0, 64)) >= 0]
    return exif[min(starts) :] if starts else b""


def _tiles_of(reader: _Reader, meta: _Meta) -> Tiles | None:
    items = meta.made_of.get(meta.primary, ())
    if meta.kinds.get(meta.primary) != b"grid" or not items:
        return None
    head = _bytes_of(reader, meta, meta.primary)[:4]
    sizes = [box for box in _properties_of(meta, items[0]) if box.kind == b"ispe"]
    places = tuple(meta.hidden_at[item] for item in items if item in meta.hidden_at)
    if len(head) < 4 or not sizes or len(places) < len(items):
        return None
    size = reader.inside(sizes[0])
    size.head()
    return Tiles(items, places, head[3] + 1, size.number(4), size.number(4))
