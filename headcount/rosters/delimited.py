"""Rosters as text: encoding and separator told by the bytes and the header, rows one by one."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

from headcount.errors import FatalError
from headcount.rosters.rows import HEADER_ROWS, Row, Sheet, find_header, no_header

SEPARATORS = (",", ";", "\t")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PROBED = 64
"""Bytes in which UTF-16 without a mark is told by its zeros: most letters there are Latin."""

TOLD = re.compile(r"\ufeff?\"?sep=([,;\t])\"?[,;\t]*\r?\n", re.IGNORECASE)
"""The line with which Excel is told the separator, and which Excel's users leave in."""

_FAULTS = (
    ("unexpected end", "a quote is opened here and never closed"),
    ("expected after", 'text follows a closing quote: a quote inside a cell is written twice ("")'),
    ("field limit", "a cell is too long: a quote may be opened here and never closed"),
)


def read_delimited(data: bytes, source: str) -> Sheet:
    """The header and the rows of a CSV; raises FatalError.

    The separator is the one by which the header names a photo and a person.
    """
    text = decode(data, source)
    told = TOLD.match(text)
    first, body = (2, text[told.end() :]) if told else (1, text)
    for separator in told[1] if told else SEPARATORS:
        try:
            sheet = find_header(_rows(body, separator, first))
        except ValueError as error:
            raise FatalError(f"{source}: {error}") from error
        if sheet is not None:
            return sheet
    top = islice(_rows(body, ",", first), HEADER_ROWS)
    raise no_header(source, "CSV", next((row for row in top if not row.blank), None))


def decode(data: bytes, source: str) -> str:
    """The text of a file: UTF-8, UTF-16 or Windows' Latin-1; raises FatalError.

    Without a mark, what is no UTF-8 is Latin-1 as Windows writes it (cp1252, which has the
    typographic apostrophe that ISO 8859-1 lacks), unless some lines of it are UTF-8.
    """
    encoding, mark = _marked(data)
    try:
        return data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or mark:
            raise FatalError(
                f"{source} is no {encoding.upper()}, as its start says: {error}"
            ) from error
    _refuse_mixed(data, source)
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FatalError(
            f"{source}, line {line}: the byte 0x{data[error.start]:02x} is neither UTF-8 nor "
            "Latin-1: save the file as UTF-8"
        ) from error


def _marked(data: bytes) -> tuple[str, int]:
    """The encoding by the byte order mark or by zeros, and the length of the mark."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding, len(bom)
    start = data[:_PROBED]
    if 0 in start:
        return ("utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"), 0
    return "utf-8", 0


def _refuse_mixed(data: bytes, source: str) -> None:
    """Raise FatalError where some lines are UTF-8 and others are not: neither reading is right."""
    good, bad = 0, []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.isascii():
            continue
        try:
            line.decode()
            good += 1
        except UnicodeDecodeError:
            bad.append(number)
    if good:
        lines = ", ".join(map(str, bad[:10])) + (", ..." if len(bad) > 10 else "")
        raise FatalError(
            f"{source} is UTF-8, and not in the lines {lines}: it was put together from files "
            "of several encodings; save it as UTF-8"
        )


def _rows(text: str, separator: str, first: int) -> Iterator[Row]:
    """The rows of a CSV whose first line has the number ``first``; bad ones have a fault."""
    file = io.StringIO(text, newline="")
    reader = csv.reader(file, delimiter=separator, strict=True, skipinitialspace=True)
    while True:
        number = first + reader.line_num
        try:
            yield Row(number, next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, (), _fault(str(error)))


def _fault(error: str) -> str:
    return next((words for part, words in _FAULTS if part in error), error)
