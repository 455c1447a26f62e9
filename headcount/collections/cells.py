"""Cells of a list of photos, as people and data frames write them.

A column of whole numbers with one gap is a column of floats in pandas, polars and R: ``16571.0``
and NaN. Nothing is guessed beyond that: a cell that is something else is refused by its column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]

EXACT = 2**53
"""Larger whole numbers are not all floats: the last digits of such a float may be wrong."""
_NOTHING = frozenset(("", "nan", "nat", "na", "<na>", "null", "none"))
"""Words, in lower case, that data frames write into a CSV where there is no value."""
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?")

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


class Untyped(str):
    """The text of a CSV's cell, in which numbers and gaps are text as well."""

    __slots__ = ()


def text_in(row: Row, column: str) -> str:
    """The text of a cell without blanks around it; empty where there is none. Raises ValueError.

    Bytes are UTF-8. A number is no text.
    """
    value = _value(row, column)
    if isinstance(value, str):
        return value.strip()
    raise _refusal(column, value, "text")


def number_or_text_in(row: Row, column: str) -> str:
    """The text, or the whole number as text, of a cell: ``1.0`` is 1. Raises ValueError."""
    value = _value(row, column)
    if isinstance(value, Untyped):
        return value.partition(".")[0].strip() if _is_float(value) else value.strip()
    if isinstance(value, str):
        return value.strip()
    return str(_whole(column, value))


def whole_number_in(row: Row, column: str) -> int | None:
    """The whole number of a cell, which may be text; None where there is none.

    Raises ValueError, also for a negative number.
    """
    value = _value(row, column)
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in _NOTHING:
            return None
        value = _number(text)
        if value is None:
            raise _refusal(column, text, "whole number")
    number = _whole(column, value)
    if number < 0:
        raise _refusal(column, number, "size")
    return number


def taken_in(row: Row, column: str) -> str:
    """The date and time of a cell as text: times as ISO 8601 says them. Raises ValueError."""
    value = _value(row, column)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, time):
        raise _refusal(column, value, "date")
    return value.strip() if isinstance(value, str) else str(_whole(column, value))


def with_plain_times(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose times are of microseconds, which Python can say: pandas' have nanoseconds."""
    for number, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            plain = batch.column(number).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(number, field.name, plain)
    return batch


def _value(row: Row, column: str) -> Any:
    """The value of a cell: empty text where there is none, bytes as text. Raises ValueError."""
    value = row.get(column)
    if isinstance(value, Untyped) and value.strip().casefold() in _NOTHING:
        return ""
    if value is None or (isinstance(value, (float, Decimal)) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"the column {column}: bytes that are no UTF-8 ({error})") from error
    return value


def _is_float(text: str) -> bool:
    """Whether a CSV's cell is a whole number as a column of floats writes it: ``1.0``."""
    return text.strip().endswith(".0") and _WHOLE.fullmatch(text.strip()) is not None


def _number(text: str) -> int | float | None:
    """The number that a text is; whole ones are exact."""
    if _WHOLE.fullmatch(text):
        return int(text.partition(".")[0])
    return float(text) if _FLOAT.fullmatch(text) else None


def _whole(column: str, value: Any) -> int:
    """A number as a whole one. Raises ValueError for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _refusal(column, value, "text or number")
    if not math.isfinite(value) or value != int(value):
        raise _refusal(column, value, "whole number")
    if isinstance(value, float) and abs(value) > EXACT:
        raise ValueError(
            f"the column {column}: {value!r} is a float of so many digits that the last ones are "
            "lost; write it as text"
        )
    return int(value)


def _refusal(column: str, value: Any, wanted: str) -> ValueError:
    return ValueError(f"the column {column}: {str(value)[:60]!r} is no {wanted}")
