"""JPEGs that end early: how many of their rows are there, and a file that ends where they do.

A decoder paints what a file lacks, and does not say where that begins. So such a file is decoded
with several tails behind its data: the first row that differs is the first that the data does not
tell. Nothing of this is done with a whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.jpeg import decode_leniently

MOST_MISSING = 0.1
"""Largest share of a photo's rows that may be missing: a file cut at its end by a copy or a card
lacks less, and whoever stands in a tenth of a photo is rarely seen nowhere else in it. Of a photo
that lacks more, "nobody is there" would say too much."""
NEUTRAL = 128
"""Grey of the rows that are missing, which is what libjpeg paints."""
ENOUGH_BITS = 1
"""Lowest bits of brightness that a progressive JPEG may lack, and its rows count as there."""

_SEQUENTIAL, _PROGRESSIVE = frozenset((0xC0, 0xC1)), frozenset((0xC2,))
_SKIPPED = frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)))
_ALONE = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))
_DATA_ENDS = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_SEGMENT = re.compile(rb"\xff+[\xc0-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_TAILS, _TAIL_BYTES = 3, 2048
_COEFFICIENTS = 64
_UNKNOWN = 99


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan: its components' numbers, its band of coefficients, the lowest bit that it tells.

    ``start`` and ``end`` are those of its data.
    """

    components: tuple[int, ...]
    band: tuple[int, int]
    bit: int
    start: int
    end: int


@dataclass(slots=True)
class _Parts:
    """A JPEG's frame and scans (ITU-T T.81, B.2), and where what can be decoded ends."""

    height: int = 0
    progressive: bool = False
    components: tuple[int, ...] = ()
    subsampled: bool = False
    restarts: bool = False
    scans: list[_Scan] = field(default_factory=list)
    end: int = 0
    ended: bool = False
    """Whether the end marker stands there."""
    fault: str = "truncated file"


@dataclass(frozen=True, slots=True)
class Ending:
    """A damaged JPEG's bytes, mended so that decoders read them, and the rows that are whole.

    ``rows`` is None where all are; ``note`` says what is missing, None where nothing is.
    """

    data: bytes
    rows: int | None = None
    note: str | None = None

    def painted(self, pixels: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
        """Paint the missing rows of pixels, which are those of ``height`` rows at some scale."""
        if self.rows is None:
            return pixels
        made = pixels if pixels.flags.writeable else pixels.copy()
        made[self.rows * len(pixels) // height :] = NEUTRAL
        return made


def find_ending(data: bytes, colours: str = "RGB") -> Ending:
    """Find what a damaged JPEG lacks at its end; ``colours`` are those that it is decoded to.

    Raises PhotoError where more than MOST_MISSING of the rows are missing.
    """
    parts = _parts(data)
    if not parts.scans or not parts.components:
        return Ending(data)
    mended = data if parts.ended else data[: parts.end] + b"\xff\xd9"
    told = _told(parts, parts.scans)
    before = _told(parts, parts.scans[:-1])
    if not _is_enough(told, parts):
        if parts.ended:  # no sign that anything was cut off: the decoder knows what is wrong
            return Ending(data)
        raise PhotoError(Outcome.UNREADABLE, parts.fault)
    row = _first_untold_row(mended, parts, colours)
    if row is not None and not _is_enough(before, parts):
        if parts.height - row > MOST_MISSING * parts.height:
            raise PhotoError(Outcome.UNREADABLE, parts.fault)
        return Ending(mended, row, _missing(parts.height - row))
    if not parts.progressive or (parts.ended and row is None):
        return Ending(mended)
    return Ending(mended, None, _lesser(0 if told.any() else row, parts.height))


def _missing(rows: int) -> str:
    return "the last row is missing" if rows == 1 else f"the last {rows} rows are missing"


def _lesser(row: int | None, height: int) -> str | None:
    if row is None:
        return None
    if row == 0:
        return "the file ends early: less detail in all rows"
    return f"the file ends early: less detail in the last {height - row} rows"


# -- what the scans tell --------------------------------------------------------------------------


def _told(parts: _Parts, scans: list[_Scan]) -> NDArray[np.int64]:
    """Lowest bit told of each component's coefficients: C x 64, _UNKNOWN where none is."""
    told = np.full((len(parts.components), _COEFFICIENTS), _UNKNOWN)
    for scan in scans:
        first, last = scan.band
        told[list(scan.components), first : last + 1] = scan.bit
    return told


def _is_enough(told: NDArray[np.int64], parts: _Parts) -> bool:
    """Whether rows of which so much is told are there: brightness in detail, colours roughly."""
    lacking = ENOUGH_BITS if parts.progressive else 0
    return bool((told[0] <= lacking).all() and (told[:, 0] <= lacking).all())


def _first_untold_row(data: bytes, parts: _Parts, colours: str) -> int | None:
    """First row that depends on what is put behind the last scan's data; None where none does."""
    factor = 2 if parts.progressive else 8  # sequential rows differ in their means already
    plain = decode_leniently(data, parts.height, factor, colours)
    if plain is None:
        return None
    end, rows = parts.scans[-1].end, []
    for tail in _tails(data, parts):
        longer = data[:end] + tail + data[end:]
        other = decode_leniently(longer, parts.height, factor, colours)
        if other is not None and other.shape == plain.shape:
            differs = np.flatnonzero((plain != other).any(axis=(1, 2)))
            rows += differs[:1].tolist()
    if not rows:
        return None
    row = min(rows) * factor - parts.subsampled  # colours are blended with those of the next row
    return int(np.clip(row, 0, parts.height))


def _tails(data: bytes, parts: _Parts) -> Iterator[bytes]:
    """Made-up data to put behind the last scan's, also behind the restart that comes next."""
    scan, random = parts.scans[-1], np.random.default_rng(0)
    marks = _RESTART.findall(data, scan.start, scan.end) if parts.restarts else []
    following = bytes([0xFF, 0xD0 + (marks[-1][1] - 0xD0 + 1) % 8 if marks else 0xD0])
    for number in range(_TAILS):
        tail = random.integers(0, 255, _TAIL_BYTES).astype(np.uint8).tobytes()  # no 0xFF in it
        yield tail
        if parts.restarts and number == 0:
            yield following + tail


# -- the file's segments --------------------------------------------------------------------------


def _parts(data: bytes) -> _Parts:
    """Read the segments up to the end marker, or to the first that no decoder can read."""
    parts, at = _Parts(), 0
    ids: dict[int, int] = {}
    while (at := data.find(b"\xff", at)) >= 0:
        parts.end = at
        marker = data[at + 1] if at + 1 < len(data) else 0xFF
        if marker in (0x00, 0xFF) or marker in _ALONE:  # none, or a fill byte, or no segment
            at += 1 if marker == 0xFF else 2
            continue
        body = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4])]
        cut = at + 4 + len(body) >= len(data)
        if marker == 0xD9 or cut or not _is_readable(marker):
            parts.ended = marker == 0xD9
            parts.fault = parts.fault if parts.ended or cut else "damaged: an invalid marker"
            return parts
        at += 4 + len(body)
        if marker in _SEQUENTIAL | _PROGRESSIVE:
            ids = _read_frame(parts, body, marker)
        parts.restarts |= marker == 0xDD
        if marker == 0xDA:
            scan = _scan(parts, body, ids, at, data)
            if scan is None:
                return parts
            parts.scans.append(scan)
            at = scan.end
        parts.end = at
    parts.end = len(data.rstrip(b"\xff"))
    return parts


def _is_readable(marker: int) -> bool:
    return marker in _SKIPPED or marker == 0xDA or marker in _SEQUENTIAL | _PROGRESSIVE


def _read_frame(parts: _Parts, body: bytes, marker: int) -> dict[int, int]:
    """Read a frame's header into ``parts``; gives the components' numbers by their ids."""
    parts.height = int.from_bytes(body[1:3])
    parts.progressive = marker in _PROGRESSIVE
    entries = [body[start : start + 3] for start in range(6, len(body) - 2, 3)]
    parts.components = tuple(range(len(entries)))
    parts.subsampled = len({entry[1] & 15 for entry in entries}) > 1
    return {entry[0]: number for number, entry in enumerate(entries)}


def _scan(parts: _Parts, body: bytes, ids: dict[int, int], at: int, data: bytes) -> _Scan | None:
    """The scan whose header is ``body`` and whose data begins ``at``; None for a broken header."""
    count = body[0] if body else 0
    names = body[1 : 1 + 2 * count : 2]
    if len(body) < 4 + 2 * count or not count or not set(names) <= set(ids):
        return None
    first, last, bits = body[1 + 2 * count : 4 + 2 * count]
    scan = _Scan(
        tuple(ids[name] for name in names),
        (first, min(last, _COEFFICIENTS - 1)),
        bits & 15,
        at,
        _end_of_data(data, at, restarts=parts.restarts),
    )
    return scan if parts.progressive else replace(scan, band=(0, _COEFFICIENTS - 1), bit=0)


def _end_of_data(data: bytes, at: int, *, restarts: bool) -> int:
    """Find the end of a scan's data: at a marker, or where the file ends.

    Decoders skip an invalid marker where a restart follows, and go on there.
    """
    if restarts:
        segment = _SEGMENT.search(data, at)
        last = data[at : segment.start() if segment else len(data)]
        at += max((mark.start() for mark in _RESTART.finditer(last)), default=0)
    ends = _DATA_ENDS.search(data, at)
    return ends.start() if ends else len(data.rstrip(b"\xff"))
