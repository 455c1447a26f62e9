"""Filter expressions of Lance, in the words of SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from headcount.contract.reading import FIRST

Value = TypeVar("Value")

FILTER_VALUES = 500
"""Values of one filter."""
READING = f"coalesce(reading, {FIRST})"
"""The reading of a row; a row from before readings were kept has none."""


def quoted(text: str) -> str:
    """``text`` as a literal of a filter expression."""
    return "'" + text.replace("'", "''") + "'"


def any_of(column: str, values: Sequence[str]) -> str:
    """A filter: ``column`` is one of ``values``."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


def in_collection(collection: str) -> str:
    """A filter: the row is of the collection with this id."""
    return f"collection = {quoted(collection)}"


def parts(values: Iterable[Value], size: int = FILTER_VALUES) -> Iterator[list[Value]]:
    """The values in lists of at most ``size``: a filter is no longer than that."""
    left = iter(values)
    while part := list(islice(left, size)):
        yield part
