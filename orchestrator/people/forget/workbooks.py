"""A forgotten person taken out of XLSX tables that another program saved.

The values of the sheets are read and written anew, without the rows and cells of the person: widths
and colours are lost, text stays text. A workbook with more in it than values is left as it is
and said to be out of reach, where it tells of the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from headcount.contract.column import Columns
from headcount.contract.columns import VERSION
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.marks import as_property
from headcount.errors import FatalError
from headcount.export.spreadsheets import write_sheets
from headcount.rosters.rows import HEADER_ROWS
from headcount.rosters.workbook import read_values, tells
from orchestrator.people.forget.edited import (
    Scrubbed,
    Traces,
    without_rows,
)

Rows = list[list[Any]]


def scrub_workbook(data: bytes, table: Columns, stone: ForgottenRecord) -> Scrubbed:
    """A table in XLSX without the person.

    Raises FatalError where it cannot be read as the table that it was, or not be written anew.
    """
    book, traces = read_values(data, "it"), Traces.of(stone)
    done = {name: _without(rows, table, traces) for name, rows in book.sheets.items()}
    if all(found is None for found in done.values()):
        raise FatalError(f"it has no sheet with the columns {', '.join(table.key)}")
    sheets = {name: found[0] if found else book.sheets[name] for name, found in done.items()}
    if book.beside and (sheets != book.sheets or tells(data, traces.words)):
        raise FatalError(
            f"it has {', '.join(book.beside)}, which would be lost if it were written anew: remove "
            "the person in it, or the file"
        )
    mentions = [column for found in done.values() if found for column in found[1]]
    mentions += [
        f"the sheet {name}" for name in done if _is_told(book.sheets[name], done[name], traces)
    ]
    if sheets != book.sheets:
        data = write_sheets(sheets, as_property(table.name, VERSION))
    return Scrubbed(data, tuple(dict.fromkeys(mentions)))


def _without(rows: Rows, table: Columns, traces: Traces) -> tuple[Rows, tuple[str, ...]] | None:
    """The rows without the person, and columns that still tell of them; None: another table."""
    first = _header(rows, table)
    if first is None:
        return None
    header = [str(name).strip() for name in rows[first]]
    body = (list(zip(header, row, strict=True)) for row in rows[first + 1 :])
    kept, mentions = without_rows(body, table, traces)
    return [*rows[: first + 1], *([cell for _, cell in row] for row in kept)], mentions


def _header(rows: Rows, table: Columns) -> int | None:
    """The row that names the columns: among the first with content, since titles may be above."""
    for at in islice((at for at, row in enumerate(rows) if any(row)), HEADER_ROWS):
        if {str(name).strip() for name in rows[at]} >= set(table.key):
            return at
    return None


def _is_told(rows: Rows, done: object, traces: Traces) -> bool:
    """Whether a sheet that is no such table tells of the person."""
    return done is None and any(_tells(row, traces) for row in rows)


def _tells(row: Sequence[Any], traces: Traces) -> bool:
    return any(str(cell).strip() in traces.words or traces.tell_of(cell) for cell in row)
