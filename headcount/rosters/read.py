"""A roster as people have it, read into lines of scope, person and what is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from headcount.contract.vocabulary import name_fault, person_id, person_name
from headcount.errors import FatalError
from headcount.rosters.delimited import read_delimited
from headcount.rosters.rows import BadCell, Cell, Row, Sheet, is_filled
from headcount.rosters.workbook import is_workbook, read_workbook
from headcount.text import undefused

EVERY, SOME = "every", "some"

NEEDED_WORDS = {
    "": EVERY,
    "every": EVERY,
    "each": EVERY,
    "all": EVERY,
    "some": SOME,
    "any": SOME,
    "once": SOME,
    "1": SOME,
}
"""What may be said of how often a person is expected: in every photo, or in some photo."""

LINES = pa.schema(
    [
        ("line", pa.int32()),
        ("scope", pa.string()),
        ("person", pa.string()),
        ("person_id", pa.string()),
        ("needed", pa.string()),
    ]
)

MAX_SCOPE = 4096
"""Characters of a scope, at most: file systems end there, and S3 before."""
LISTED = 20
"""Bad lines that are told, at most; the others are counted."""
_BATCH = 1 << 16

_SPLIT = re.compile(r"[;|\r\n]+")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Roster:
    """The lines of a roster, each once, as a table of LINES.

    ``nobody`` are the numbers of lines with a scope and no person, ``nowhere`` those with a person
    and no scope: neither expects anybody, and both are worth a word.
    """

    lines: pa.Table
    nobody: tuple[int, ...] = ()
    nowhere: tuple[int, ...] = ()


def read_roster(data: bytes, source: str) -> Roster:
    """The roster in a CSV or XLSX file; ``source`` is its name in messages.

    A line that says the same as an earlier one is left out. Raises FatalError, which names every
    bad line by its number (LISTED of them) and what is wrong with it.
    """
    if data.startswith(_OLD_EXCEL):
        raise FatalError(
            f"{source} is an Excel file of the old kind, or locked by a password: save it as XLSX "
            "or as CSV"
        )
    sheet = (read_workbook if is_workbook(data) else read_delimited)(data, source)
    reading = _Reading()
    lines = pa.Table.from_batches(reading.batches(sheet), schema=LINES)
    reading.raise_bad(source)
    return Roster(each_once(lines, lines["scope"]), tuple(reading.nobody), tuple(reading.nowhere))


@dataclass(slots=True)
class _Reading:
    """What has been read of a file so far."""

    bad: list[tuple[int, str]] = field(default_factory=list)
    bad_total: int = 0
    nobody: list[int] = field(default_factory=list)
    nowhere: list[int] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def batches(self, sheet: Sheet) -> Iterator[pa.RecordBatch]:
        """The lines of a sheet as batches of LINES."""
        rows: list[tuple[int, str, str, str, str]] = []
        for row in sheet.rows:
            if not row.blank:
                rows.extend(self._lines(row, sheet))
            if len(rows) >= _BATCH:
                yield _batch(rows)
                rows = []
        yield _batch(rows)

    def raise_bad(self, source: str) -> None:
        """Raise FatalError where there were bad lines."""
        if not self.bad:
            return
        told = "".join(f"\n  line {number}: {fault}" for number, fault in self.bad)
        more = self.bad_total - len(self.bad)
        lines = "1 line" if self.bad_total == 1 else f"{self.bad_total:,} lines"
        raise FatalError(
            f"{source}: {lines} cannot be read; correct them and try again:{told}"
            + (f"\n  and {more:,} more" if more else "")
        )

    def _lines(self, row: Row, sheet: Sheet) -> Iterator[tuple[int, str, str, str, str]]:
        """The lines that a row makes: one for each person in it."""
        try:
            scope, people, needed = _parse(row, sheet)
        except ValueError as error:
            self._refuse(row.number, str(error))
            return
        if not (scope and people):
            (self.nobody if scope else self.nowhere).append(row.number)
            return
        for person in people:
            known = self.ids.get(person) or self.ids.setdefault(person, person_id(person))
            yield row.number, scope, person, known, needed

    def _refuse(self, number: int, fault: str) -> None:
        self.bad_total += 1
        if len(self.bad) < LISTED:
            self.bad.append((number, fault))


def each_once(lines: pa.Table, scopes: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The first line of each scope, person and need; ``scopes`` are the lines' in one spelling."""
    numbered = lines.select(["person_id", "needed"]).append_column("scope", scopes)
    numbered = numbered.append_column("row", pa.arange(0, lines.num_rows))
    first = numbered.group_by(["scope", "person_id", "needed"]).aggregate([("row", "min")])
    return lines.take(first["row_min"].combine_chunks().sort())


def _batch(rows: list[tuple[int, str, str, str, str]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(LINES)
    arrays = [pa.array(values, f.type) for values, f in zip(columns, LINES, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=LINES)


def _parse(row: Row, sheet: Sheet) -> tuple[str, list[str], str]:
    """The scope, the people and what is needed of a row; raises ValueError in words."""
    header = sheet.header
    if row.fault is not None:
        raise ValueError(row.fault)
    width = max(n for n, cell in enumerate(row.cells, 1) if is_filled(cell))
    if width > header.width:
        raise ValueError(
            f"it has {width} cells and the header {header.width}: a name with the separator in it "
            "stands in quotes"
        )
    scope = _text(row, header.scope)
    people = _people(_text(row, header.person))
    needed = "" if header.needed is None else _text(row, header.needed)
    if scope and people:
        _check_scope(scope)
    return scope, people, _needed(needed) if scope and people else EVERY


def _text(row: Row, position: int) -> str:
    """The text of a cell without the mark and the blanks around it; raises ValueError."""
    cell: Cell = row.cells[position] if position < len(row.cells) else ""
    if isinstance(cell, BadCell):
        raise ValueError(cell.fault)  # noqa: TRY004 - the file's fault
    return undefused(cell.lstrip()).strip()


def _people(cell: str) -> list[str]:
    """The people in a cell, one or several; raises ValueError for a name that cannot be one."""
    people = [person_name(part) for part in _SPLIT.split(cell) if part.strip()]
    for person in people:
        fault = name_fault(person)
        if fault:
            raise ValueError(fault)
    return people


def _needed(word: str) -> str:
    known = NEEDED_WORDS.get(word.casefold())
    if known is None:
        raise ValueError(f"needed is {EVERY!r} or {SOME!r}, and not {word[:40]!r}")
    return known


def _check_scope(scope: str) -> None:
    if len(scope) > MAX_SCOPE:
        raise ValueError(f"a photo or folder has at most {MAX_SCOPE:,} characters")
    if "\0" in scope:
        raise ValueError("a photo or folder has no zero byte in it")
