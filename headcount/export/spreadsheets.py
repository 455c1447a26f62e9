"""Result tables for people, as spreadsheets open them: CSV and XLSX; the one door to XlsxWriter.

Parquet and JSON Lines are for programs, and are written in tables.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from headcount.contract.marks import as_property, is_list
from headcount.contract.stored.jobs import SheetForm
from headcount.text import DEFUSED

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8: without it LibreOffice and Excel show "ZoÃ«" for Zoë."""
MAX_ROWS = 1_048_576
"""Rows of a sheet, the header among them: the format has no more."""
MAX_CELL = 32_767
"""UTF-16 units of a cell's text: the format has no more, and XlsxWriter cuts it there."""

_DEFUSED = DEFUSED.pattern.removeprefix("'")
_FORMATS = {
    datetime: "yyyy-mm-dd hh:mm:ss",
    date: "yyyy-mm-dd",
    time: "hh:mm:ss",
    timedelta: "[h]:mm:ss",
}


def shown_schema(schema: pa.Schema, form: SheetForm) -> pa.Schema:
    """The columns of a table that spreadsheets get: without the landmarks unless they are wanted.

    Landmarks are a list. Lists, and nested columns of a user's own, become JSON text.
    """
    fields = [f for f in schema if form.landmarks or not is_list(f)]
    return pa.schema([f.with_type(pa.string()) if _nested(f) else f for f in fields])


def shown_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema``, with text that a spreadsheet would run defused by a ``'``."""
    return pa.table([_shown(table[name]) for name in schema.names], schema=schema)


def _shown(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if _nested(column):
        values = column.to_pylist()
        texts = [None if value is None else json.dumps(value, default=str) for value in values]
        return pa.array(texts, pa.string())
    if pa.types.is_string(column.type):
        return pc.replace_substring_regex(column, f"^({_DEFUSED})", r"'\1")
    return column


def _nested(field: Any) -> bool:
    return bool(pa.types.is_nested(field.type))


class CsvFile:
    """A table as CSV, written part by part."""

    def __init__(self, path: Path, schema: pa.Schema, form: SheetForm) -> None:
        self._schema = shown_schema(schema, form)
        self._file = path.open("wb")
        if form.bom:
            self._file.write(BOM)
        options = pacsv.WriteOptions(delimiter=form.separator)
        self._writer = pacsv.CSVWriter(self._file, self._schema, write_options=options)

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(shown_columns(table, self._schema))

    def close(self) -> None:
        """End the file."""
        self._writer.close()
        self._file.close()


class XlsxFile:
    """A table as XLSX, written row by row; a further sheet begins where one is full.

    In memory is one row of it. Text is text, whatever it looks like; numbers have the digits of
    float32.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, form: SheetForm, *, table: str, contract: int
    ) -> None:
        self._schema, self._name = shown_schema(schema, form), table
        self._book = _open_book(path, folder=path.parent)
        self._book.set_properties({"title": table, "subject": as_property(table, contract)})
        self._bold = self._book.add_format({"bold": True})
        self._sheets = 0
        self._begin_sheet()

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        columns = [_cells(c) for c in shown_columns(table, self._schema).columns]
        writers = self._writers()
        for row in zip(*columns, strict=True):
            if self._row == MAX_ROWS:
                self._begin_sheet()
                writers = self._writers()
            for at, (value, put) in enumerate(zip(row, writers, strict=True)):
                if value is not None:
                    put(self._row, at, value)
            self._row += 1

    def close(self) -> None:
        """End the file."""
        _close_book(self._book)

    def _begin_sheet(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        self._sheet = _add_sheet(self._book, name)
        self._sheet.freeze_panes(1, 0)
        for at, column in enumerate(self._schema.names):
            self._sheet.write_string(0, at, column, self._bold)
        self._row = 1

    def _writers(self) -> list[Callable[[int, int, Any], Any]]:
        """The method of the sheet by which each column's cells are written."""
        return [
            self._sheet.write_number if _is_number(f.type) else self._sheet.write_string
            for f in self._schema
        ]


def write_sheets(sheets: Mapping[str, Iterable[Sequence[Any]]], properties: str) -> bytes:
    """An XLSX file of sheets by name, each of rows of values; ``properties`` are its subject."""
    file = io.BytesIO()
    book = _open_book(file)
    book.set_properties({"subject": properties})
    formats = {kind: book.add_format({"num_format": form}) for kind, form in _FORMATS.items()}
    for name, rows in sheets.items():
        sheet = _add_sheet(book, name)
        for number, row in enumerate(rows):
            for at, value in enumerate(row):
                if isinstance(value, tuple(_FORMATS)):
                    sheet.write_datetime(number, at, value, formats[type(value)])
                elif isinstance(value, bool):
                    sheet.write_boolean(number, at, value)
                elif isinstance(value, (int, float)):
                    sheet.write_number(number, at, value)
                elif value:
                    sheet.write_string(number, at, value)
    _close_book(book)
    return file.getvalue()


def _open_book(file: Path | io.BytesIO, folder: Path | None = None) -> Workbook:
    """A workbook whose rows go to a file in ``folder`` as they are written."""
    from xlsxwriter import Workbook

    options = {"constant_memory": True, "use_zip64": True, "tmpdir": folder and str(folder)}
    return Workbook(file if isinstance(file, io.BytesIO) else str(file), options)


def _add_sheet(book: Workbook, name: str) -> Worksheet:
    sheet = book.add_worksheet(name)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS}"})  # no green corners
    return sheet


def _close_book(book: Workbook) -> None:
    """End a workbook; a full disk is raised as the OSError that it is."""
    from xlsxwriter.exceptions import FileCreateError

    try:
        book.close()
    except FileCreateError as error:
        raise error.args[0] from error


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _cells(column: pa.ChunkedArray) -> Iterator[Any]:
    """The values of a column, None for an empty cell.

    A float is written with the fewest digits that give it back: 0.1 and not 0.10000000149.
    """
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        return (None if text is None else float(text) for text in column.cast("string").to_pylist())
    if pa.types.is_integer(column.type):
        return iter(column.to_pylist())
    if pa.types.is_null(column.type):
        return repeat(None, len(column))
    return (_cut(text) for text in column.cast("string").to_pylist())


def _cut(text: str | None) -> str | None:
    """A cell's text, with an ellipsis where more of it does not fit."""
    if text is None or len(text) <= MAX_CELL // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL:
        return text
    return units[: 2 * (MAX_CELL - 1)].decode("utf-16-le", "ignore") + "…"
