"""XLSX files made by hand: a ZIP file of the few parts that a sheet needs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"


@dataclass(frozen=True)
class Raw:
    """The XML of a cell but for its place: attributes and content."""

    attributes: str
    content: str


DATE = Raw('s="1"', "<v>45413</v>")
TRUE = Raw('t="b"', "<v>1</v>")
NOT_AVAILABLE = Raw('t="e"', "<v>#N/A</v>")
NEVER_CALCULATED = Raw("", "<f>A1</f><v></v>")

Value = str | float | Raw | None


@dataclass(frozen=True)
class Page:
    """A sheet: its rows by number from 1, merged ranges, and whether it shows."""

    rows: dict[int, Sequence[Value]]
    name: str = "Sheet1"
    left: int = 0
    merged: Sequence[str] = field(default=())
    state: str = "visible"


def page(*rows: Sequence[Value], name: str = "Sheet1", state: str = "visible") -> Page:
    """A sheet whose rows begin in its first row."""
    return Page(dict(enumerate(rows, 1)), name, state=state)


def workbook(*pages: Page) -> bytes:
    """An XLSX file."""
    numbers = range(1, len(pages) + 1)
    sheets = "".join(
        f'<sheet name={quoteattr(p.name)} sheetId="{n}" state="{p.state}" r:id="rId{n}"/>'
        for n, p in zip(numbers, pages, strict=True)
    )
    parts = {
        "[Content_Types].xml": _content_types(numbers),
        "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": _relations(
            [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
            + [("rId99", "styles", "styles.xml")]
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    for n, one in zip(numbers, pages, strict=True):
        parts[f"xl/worksheets/sheet{n}.xml"] = _sheet(one)
    return zipped(parts)


def zipped(parts: dict[str, str]) -> bytes:
    """A ZIP file of texts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def _content_types(numbers: Iterable[int]) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>'
        for n in numbers
    )
    return (
        f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f"{overrides}</Types>"
    )


def _relations(targets: Iterable[tuple[str, str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for name, kind, target in targets
    )
    return f'<Relationships xmlns="{PACKAGE}">{inner}</Relationships>'


def _sheet(one: Page) -> str:
    rows = "".join(
        f'<row r="{number}">'
        + "".join(_cell(f"{_letters(one.left + n)}{number}", value) for n, value in enumerate(row))
        + "</row>"
        for number, row in sorted(one.rows.items())
    )
    merged = "".join(f'<mergeCell ref="{area}"/>' for area in one.merged)
    merged = f"<mergeCells>{merged}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{merged}</worksheet>'


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _cell(place: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw):
        return f'<c r="{place}" {value.attributes}>{value.content}</c>'
    if isinstance(value, str):
        text = f'<t xml:space="preserve">{escape(value)}</t>'
        return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'
