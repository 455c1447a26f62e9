"""A file of answers, CSV or JSON Lines: read into lines, and written."""

from __future__ import annotations

import csv
import difflib
import io
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from headcount.answers.lines import (
    BETWEEN_SIDES,
    COLUMNS,
    NO_ID,
    BadLine,
    Line,
    read_line,
    shortened,
)
from headcount.errors import FatalError
from headcount.rosters.delimited import SEPARATORS, TOLD, decode
from headcount.text import DEFUSED, counted, undefused

Form = Literal["csv", "jsonl"]

MAX_CELL = 1 << 28
"""Characters of a cell, at most: a line on 10,000 faces has 650,000 in photo_sha256. Python's own
limit of 131,072 ends such a line."""
LIKE = 0.7
"""Likeness (difflib) from which an unknown column looks like a misspelt one."""
SHOWN = 20
"""Bad lines that are told, at most; the others are counted."""

_TEXTS = ("person", "photo", "said_by", "ids")
"""Columns with text that a spreadsheet might run; `ids` of `rename` is a name."""
_WITHOUT_IDS = frozenset({"face", "accept_absent"})
_ZIP = b"PK\x03\x04"
"""The first bytes of a ZIP file, which an XLSX is."""
_SUFFIXES = (".jsonl", ".ndjson")

Row = tuple[int, Mapping[str, str] | BadLine]
"""The number of a line, and its texts by column or why it has none."""


@dataclass(frozen=True, slots=True)
class LinesRead:
    """The lines of a file, those that are bad with the reason, and the columns left aside."""

    lines: tuple[Line, ...]
    bad: tuple[tuple[int, str], ...] = ()
    ignored: tuple[str, ...] = ()


def read_lines(data: bytes, source: str, now: datetime) -> LinesRead:
    """The lines of a file; ``source`` is its name in messages.

    It is JSON Lines by its suffix or where it begins with a brace. Raises FatalError where it is no
    such file at all; bad lines are told in what comes back.
    """
    if data.startswith(_ZIP):
        raise FatalError(f"{source} is a spreadsheet or another ZIP file: save it as CSV")
    text = decode(data, source)
    if source.lower().endswith(_SUFFIXES) or text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return _checked(_json_rows(text, source), now)
    return _csv_lines(text, source, now)


def raise_bad(bad: Iterable[tuple[int, str]], source: str) -> None:
    """Raise FatalError that names bad lines, in the order of their numbers, if there are any."""
    told = sorted(bad, key=lambda line: line[0])
    if not told:
        return
    lines = "".join(f"\nline {number}: {fault}" for number, fault in told[:SHOWN])
    more = f"\nand {counted(len(told) - SHOWN, 'more line')}" if len(told) > SHOWN else ""
    raise FatalError(f"nothing of {source} was recorded; put these right first:{lines}{more}")


def _checked(rows: Iterable[Row], now: datetime) -> LinesRead:
    """The lines of rows; columns of no meaning are named once."""
    lines, bad, ignored = [], [], dict[str, None]()
    for number, texts in rows:
        try:
            if isinstance(texts, BadLine):
                raise texts
            for name in texts.keys() - set(COLUMNS) - ignored.keys():
                _refuse_misspelt(name)
                ignored[name] = None
            lines.append(read_line(number, texts, now))
        except BadLine as error:
            bad.append((number, str(error)))
    return LinesRead(tuple(lines), tuple(bad), tuple(sorted(ignored)))


def _refuse_misspelt(name: str) -> None:
    """Raise BadLine where a column that is none of ours looks like one."""
    plain = name.casefold().replace(" ", "_").replace("-", "_")
    near = difflib.get_close_matches(plain, COLUMNS, 1, LIKE)
    if near:
        raise BadLine(f"the column {shortened(name)} is not known: is it {near[0]}?")


# -- CSV ------------------------------------------------------------------------------------------


def _csv_lines(text: str, source: str, now: datetime) -> LinesRead:
    with _long_cells():
        rows = list(_csv_rows(text))
    header, first = next(((cells, n) for n, cells in rows if isinstance(cells, list)), (None, 0))
    if header is None:
        raise FatalError(
            f"{source} is empty: its first line names columns, such as what,ids,person"
        )
    names = [name.strip() for name in header]
    try:
        for name in set(names) - {"", *COLUMNS}:
            _refuse_misspelt(name)
    except BadLine as error:
        raise FatalError(f"{source}: {error}") from error
    double = [name for name in COLUMNS if names.count(name) > 1]
    if double:
        raise FatalError(f"{source} has the column {double[0]} twice")
    if "what" not in names:
        raise FatalError(f"the first line of {source} must name the columns, and what among them")
    below: Iterator[Row] = ((n, _texts(names, cells)) for n, cells in rows if n != first)
    return _checked((row for row in below if row[1]), now)


def _texts(names: list[str], cells: list[str] | BadLine) -> dict[str, str] | BadLine:
    """Texts by column of a row; nothing of a blank one."""
    if isinstance(cells, BadLine):
        return cells
    if not any(cell.strip() for cell in cells):
        return {}
    if any(cell.strip() for cell in cells[len(names) :]):
        return BadLine(
            f"it has {len(cells)} cells and the header {len(names)}: a name with the separator in "
            "it stands in quotes"
        )
    texts = {name: cell for name, cell in zip(names, cells, strict=False) if name}
    return {n: undefused(t.lstrip()) if n in _TEXTS else t for n, t in texts.items()}


def _csv_rows(text: str) -> Iterator[tuple[int, list[str] | BadLine]]:
    """The cells of each row with the number of its first line; the separator is the header's."""
    told = TOLD.match(text)
    text = text[told.end() :] if told else text.removeprefix("\ufeff")
    head = next((line for line in text.splitlines() if line.strip()), "")
    separator = told[1] if told else next((s for s in SEPARATORS if "what" in _names(head, s)), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    above = 1 if told else 0
    while True:
        number = reader.line_num + 1 + above
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, BadLine(f"it is no line of CSV: {error}")
            if "unexpected end" in str(error):
                return
        else:
            if cells:
                yield number, cells


def _names(head: str, separator: str) -> list[str]:
    return [name.strip(' "') for name in head.split(separator)]


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells be longer than Python's limit, which other readers of CSV go by."""
    before = csv.field_size_limit(MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


# -- JSON Lines -----------------------------------------------------------------------------------


def _json_rows(text: str, source: str) -> Iterator[Row]:
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        raise FatalError(f"{source} is one JSON list: write one object a line (JSON Lines)")
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            yield number, _json_texts(line)


def _json_texts(line: str) -> dict[str, str] | BadLine:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadLine(f"it is no JSON: {error}")
    if not isinstance(found, dict):
        return BadLine("it is no JSON object")
    try:
        return {name: _text(name, value) for name, value in found.items()}
    except BadLine as error:
        return error


def _text(name: str, value: Any) -> str:
    """A value as the text of a cell: lists as words with blanks between them."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(_text(name, one) for one in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadLine(f"{shortened(name)} is neither text, a number nor a list of these")
    if isinstance(value, str) and value.encode(errors="ignore").decode() != value:
        raise BadLine(f"{shortened(name)} has half of a surrogate pair in it")
    return value if isinstance(value, str) else repr(value)


# -- writing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A line to write: its columns as texts, and its faces in one or two sides."""

    what: str
    person: str = ""
    photo: str = ""
    subject: str = ""
    sides: tuple[tuple[str, ...], ...] = ((),)
    """Ids of faces, empty where one has none."""
    contents: tuple[str, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    orientations: tuple[int, ...] = ()
    """The turn of each box; 0: not known."""
    said_at: str = ""
    said_by: str = ""

    def texts(self) -> dict[str, str]:
        """The texts of its columns."""
        ids = f" {BETWEEN_SIDES} ".join(" ".join(i or NO_ID for i in side) for side in self.sides)
        turns = set(self.orientations) - {0}
        one = str(turns.pop()) if len(turns) == 1 and 0 not in self.orientations else ""
        each = " ".join(str(turn or 1) for turn in self.orientations) if turns else ""
        return {
            "what": self.what,
            "ids": self.subject or ("" if self.what in _WITHOUT_IDS else ids),
            "person": self.person,
            "photo": self.photo,
            "photo_sha256": " ".join(self.contents),
            "box": " ".join(number_text(number) for box in self.boxes for number in box),
            "orientation": one or each,
            "said_at": self.said_at,
            "said_by": self.said_by,
        }


def number_text(number: float) -> str:
    """A number in the fewest digits that read back as it; of a 32-bit float, as that."""
    single = struct.pack("f", number)
    if struct.unpack("f", single)[0] != number:
        return _plain(repr(number))
    texts = (f"{number:.{digits}g}" for digits in range(1, 10))
    return _plain(next(text for text in texts if struct.pack("f", float(text)) == single))


def _plain(text: str) -> str:
    number = float(text)
    return text if "e" not in text else f"{number:f}".rstrip("0").rstrip(".")


def written_lines(lines: Iterable[WrittenLine], form: Form) -> bytes:
    """The bytes of a file: UTF-8 with newlines, the same for the same lines.

    Text in a CSV that a spreadsheet would run has a ``'`` before it, which reading takes away.
    """
    rows = (line.texts() for line in lines)
    if form == "jsonl":
        filled = ({name: text for name, text in row.items() if text} for row in rows)
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in filled).encode()
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_defused(row[name]) if name in _TEXTS else row[name] for name in COLUMNS)
    return file.getvalue().encode()


def _defused(text: str) -> str:
    return "'" + text if DEFUSED.match("'" + text) else text
