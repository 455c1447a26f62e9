"""Rosters and other tables as XLSX files; the one door to python-calamine.

calamine holds a sheet as one rectangle of cells, and gives an empty text for a cell that says
#N/A and for a formula that nobody calculated. So the XML of a sheet is gone through first: what it
spans is bounded, and such cells are told.
"""

from __future__ import annotations

import io
import math
import posixpath
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape

from headcount.errors import FatalError
from headcount.rosters.rows import BadCell, Cell, Row, Sheet, find_header, no_header

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

MAX_UNPACKED = 512 << 20
"""Bytes of a workbook's parts, unpacked: a roster of a million rows has about 100 MB."""
MAX_CELLS = 1 << 24
"""Cells of the rectangle that a sheet spans: calamine takes 32 bytes for each, empty or not."""
MAX_PROBLEMS = 100_000
"""Cells that are remembered as errors or as formulas without a result."""

_BESIDE = {
    "xl/charts/": "charts",
    "xl/pivot": "pivot tables",
    "xl/comments": "comments",
    "xl/threadedComments": "comments",
    "xl/drawings/": "drawings",
    "xl/vbaProject": "macros",
    "xl/externalLinks/": "links to other workbooks",
}
"""Parts of a workbook that hold more than values, by how their names begin."""

_MAGIC = b"PK\x03\x04"
_CHUNK = 1 << 16
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")

Place = tuple[int, int]
"""Row and column of a cell, from 0."""


def is_workbook(data: bytes) -> bool:
    """Whether the bytes are those of a ZIP file, as an XLSX file is one."""
    return data.startswith(_MAGIC)


def read_workbook(data: bytes, source: str) -> Sheet:
    """The header and the rows of the one visible sheet that has such a header.

    Raises FatalError, also where several sheets have one.
    """
    with _opened(data, source) as (workbook, scans):
        return _one_sheet(workbook, scans, source)


@dataclass(frozen=True, slots=True)
class PlainBook:
    """The values of a workbook's visible sheets, by name, each row from the first column on.

    ``beside`` names what else is in it, and would be lost if the values were written anew.
    """

    sheets: dict[str, list[list[Any]]]
    beside: tuple[str, ...]


def read_values(data: bytes, source: str) -> PlainBook:
    """All values of a workbook. Raises FatalError, also where it is too large to be held."""
    with _opened(data, source) as (workbook, scans):
        sheets = {
            name: [
                [_value(cell) for cell in row]
                for row in workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            ]
            for name in scans
        }
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            found = [words for start, words in _BESIDE.items() if _any_part(parts, start)]
    if len(workbook.sheet_names) > len(scans):
        found.append("hidden sheets")
    if any(scan.formulas for scan in scans.values()):
        found.append("formulas")
    return PlainBook(sheets, tuple(dict.fromkeys(found)))


def tells(data: bytes, words: Collection[str]) -> bool:
    """Whether any of these words is in a part of a workbook, a sheet or another."""
    needles = [escape(word).encode() for word in words]
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        return any(needle in parts.read(name) for name in parts.namelist() for needle in needles)


def _any_part(parts: zipfile.ZipFile, start: str) -> bool:
    return any(name.startswith(start) for name in parts.namelist())


def _value(cell: Any) -> Any:
    """A cell's value: calamine gives a whole number as a float."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


@contextmanager
def _opened(data: bytes, source: str) -> Iterator[tuple[CalamineWorkbook, dict[str, _Scan]]]:
    """A workbook, and what was found in the XML of each visible sheet; raises FatalError."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            _check_size(parts, source)
            scans = {name: _scan(parts, part) for name, part in _sheet_parts(parts).items()}
        for name, scan in scans.items():
            scan.check(source, name)
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            yield workbook, scans
    except (CalamineError, zipfile.BadZipFile, ET.ParseError, expat.ExpatError) as error:
        raise FatalError(f"{source} is no XLSX file that can be read: {error}") from error
    except (KeyError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise FatalError(
            f"{source} is no XLSX file, or is locked by a password: {error}"
        ) from error


def _check_size(parts: zipfile.ZipFile, source: str) -> None:
    size = sum(part.file_size for part in parts.infolist())
    if size > MAX_UNPACKED:
        raise FatalError(
            f"{source} unpacks to {size >> 20:,} MB, and at most {MAX_UNPACKED >> 20} are read: "
            "save the roster's sheet alone, or as CSV"
        )


def _sheet_parts(parts: zipfile.ZipFile) -> dict[str, str]:
    """The part of each sheet that shows, by the sheet's name."""
    targets = {
        element.get("Id"): element.get("Target", "")
        for element in ET.fromstring(parts.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    }
    found = {}
    for element in ET.fromstring(parts.read("xl/workbook.xml")).iter():  # noqa: S314 - bounded
        if not element.tag.endswith("}sheet") or element.get("state", "visible") != "visible":
            continue
        relation = next((v for k, v in element.attrib.items() if k.endswith("}id")), None)
        part = posixpath.normpath(posixpath.join("/xl", targets.get(relation, ""))).lstrip("/")
        if "worksheets/" in part:  # others are charts
            found[element.get("name", "")] = part
    return found


class _Scan:
    """What the XML of a sheet spans, and the cells in it that calamine would leave empty."""

    def __init__(self) -> None:
        self.rows, self.columns = 0, 0
        self.problems: dict[Place, str] = {}
        self.formulas = False
        self._row, self._column = -1, -1
        self._kind, self._formula, self._value, self._in_value = "n", False, "", False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note where a cell stands and what it is."""
        tag = tag.rpartition(":")[2]
        if tag == "row":
            number = attributes.get("r", "")
            self._row = int(number) - 1 if number.isdecimal() else self._row + 1
            self._column = -1
        elif tag == "c":
            self._place(attributes.get("r", ""))
            self._kind, self._formula, self._value = attributes.get("t", "n"), False, ""
        elif tag == "f":
            self._formula = self.formulas = True
        elif tag in ("v", "is"):
            self._in_value = True

    def text(self, text: str) -> None:
        """Note the start of a cell's value."""
        if self._in_value and len(self._value) < 16:
            self._value += text

    def end(self, tag: str) -> None:
        """Note what a cell spans, or why it cannot be read."""
        tag = tag.rpartition(":")[2]
        if tag in ("v", "is"):
            self._in_value = False
        if tag != "c":
            return
        if self._value or self._formula:
            self.rows = max(self.rows, self._row + 1)
            self.columns = max(self.columns, self._column + 1)
        self._problem()

    def check(self, source: str, name: str) -> None:
        """Raise FatalError where the sheet is too large to be held."""
        if len(self.problems) > MAX_PROBLEMS:
            raise FatalError(
                f"{source}: more than {MAX_PROBLEMS:,} cells of the sheet {name!r} are errors or "
                "formulas without a result: open the file, save it, and try again"
            )
        if self.rows * self.columns > MAX_CELLS:
            raise FatalError(
                f"{source}: the sheet {name!r} reaches to row {self.rows:,} and column "
                f"{self.columns:,}: delete what stands far from the roster, or save it as CSV"
            )

    def _place(self, reference: str) -> None:
        match = _REFERENCE.fullmatch(reference)
        self._column += 1
        if match:
            self._row, self._column = int(match[2]) - 1, _column_number(match[1]) - 1

    def _problem(self) -> None:
        if len(self.problems) > MAX_PROBLEMS:
            return
        if self._kind == "e" and self._value:
            self.problems[self._row, self._column] = f"a cell says {self._value}"
        elif self._formula and not self._value and self._kind != "str":
            self.problems[self._row, self._column] = (
                "a formula has no result: open the file, save it, and try again"
            )


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _refuse_doctype(*_: object) -> None:
    """Raise KeyError: a sheet has no document type, and so no entities that grow."""
    raise KeyError("a document type in a sheet")


def _scan(parts: zipfile.ZipFile, part: str) -> _Scan:
    """Go through the XML of a sheet in pieces."""
    scan, parser = _Scan(), expat.ParserCreate()
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    with parts.open(part) as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk)
    parser.Parse(b"", True)
    return scan


def _one_sheet(workbook: CalamineWorkbook, scans: dict[str, _Scan], source: str) -> Sheet:
    """The sheet with a roster's header. Raises FatalError where none or several have one."""
    found, first = {}, None
    for name, scan in scans.items():
        first = first or next((row for row in _rows(workbook, name, scan) if not row.blank), None)
        try:
            sheet = find_header(_rows(workbook, name, scan))
        except ValueError as error:
            raise FatalError(f"{source}, sheet {name!r}: {error}") from error
        if sheet is not None:
            found[name] = sheet
    if len(found) > 1:
        names = ", ".join(map(repr, found))
        raise FatalError(
            f"{source} has several rosters, the sheets {names}: give one file for each"
        )
    if not found:
        raise no_header(source, "sheet", first)
    return next(iter(found.values()))


def _rows(workbook: CalamineWorkbook, name: str, scan: _Scan) -> Iterator[Row]:
    """The rows of a sheet, merged cells filled downwards."""
    sheet = workbook.get_sheet_by_name(name)
    merged = sorted(sheet.merged_cell_ranges or [], reverse=True)
    filling: list[tuple[int, int, Cell]] = []  # last row, column, content
    end = sheet.end or (-1, -1)
    for at, values in enumerate(sheet.iter_rows()):
        skipped = end[1] + 1 - len(values)  # empty columns on the left are left out
        cells = [""] * skipped + [_cell(value) for value in values]
        for column in range(len(cells)):
            if (at, column) in scan.problems:
                cells[column] = BadCell(scan.problems[at, column])
        filling = [fill for fill in filling if fill[0] >= at]
        for _, column, content in filling:
            cells[column] = content
        while merged and merged[-1][0][0] <= at:
            (_, column), (last, _) = merged.pop()
            if column < len(cells):
                filling.append((last, column, cells[column]))
        yield Row(at + 1, cells)


def _cell(value: Any) -> Cell:
    """The text that a person reads in a cell."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return BadCell(f"a cell is the truth value {str(value).upper()}: format it as text")
    if isinstance(value, float) and not math.isfinite(value):
        return BadCell("a cell is a number that is too large to read: format it as text")
    if isinstance(value, (int, float)):
        return str(int(value)) if value == int(value) else str(value)
    return BadCell(f"a cell is a date or a time ({value}): format it as text, and type it again")
