"""The guards around a table that grows: workers of several builds may stage rows for it at once.

A staged fragment carries the numbers of its columns and not their names, and its commit compares
nothing. After a rollback a number may be given to another column, under whose name the fragment's
values would then be read. So a fragment is labelled with the version of the table that it was
staged for, and with the columns behind its numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from headcount.errors import FatalError

LABEL = "headcount"
"""The key of the label in a fragment's JSON; Lance passes over it, and so do earlier builds."""

Fragment = Mapping[str, Any]
"""A staged fragment's JSON."""


def labelled(fragment: Fragment, *, version: int, columns: Mapping[int, str]) -> dict[str, Any]:
    """The fragment with the version of its table and the columns, by number, that it holds."""
    held = {str(number): columns[number] for number in _numbers(fragment) if number in columns}
    return {**fragment, LABEL: {"version": version, "columns": held}}


def staged_for(fragments: Iterable[Fragment]) -> int | None:
    """The earliest version that fragments were staged for; None where no label says so."""
    versions = [int(f[LABEL]["version"]) for f in fragments if LABEL in f]
    return min(versions, default=None)


def changed_columns(fragment: Fragment, columns: Mapping[int, str]) -> list[str]:
    """The columns of a fragment whose number is now another column's, or nobody's."""
    held = fragment.get(LABEL, {}).get("columns", {})
    return [text for number, text in held.items() if columns.get(int(number)) != text]


def numbered(fields: Iterable[Any], above: str = "") -> Iterator[tuple[int, str]]:
    """The number of each column of a table, and its name and type."""
    for field in fields:
        name = f"{above}{field.name()}"
        yield field.id(), f"{name} {field.to_arrow().type}"
        yield from numbered(field.children(), f"{name}.")


def lacking(
    there: pa.Schema, wanted: pa.Schema, *, later: Collection[str], table: str
) -> list[pa.Field]:
    """The columns to add to a table, in the order of ``wanted``; all are among the ``later`` ones.

    Columns of a newer build are no difference. Raises FatalError where others are missing or a
    type is another.
    """
    other = [
        f"{field.name} is {there.field(field.name).type} and not {field.type}"
        for field in wanted
        if field.name in there.names and there.field(field.name).type != field.type
    ]
    missing = [field for field in wanted if field.name not in there.names]
    other += [f"there is no column {field.name}" for field in missing if field.name not in later]
    if other:
        raise FatalError(
            f"table {table} has other columns than this build of headcount writes: "
            f"{'; '.join(other)}. Go on with the build that made it, or use another archive"
        )
    return missing


def _numbers(fragment: Fragment) -> Iterator[int]:
    for file in fragment["files"]:
        yield from file["fields"]
