"""The rows of a roster and its header, whatever kind of file they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from headcount.errors import FatalError

SCOPE, PERSON, NEEDED = "scope", "person", "needed"

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    SCOPE: ("scope", "photo", "file", "filename", "image", "path", "picture"),
    PERSON: ("person", "name", "people", "who"),
    NEEDED: ("needed", "required", "count"),
}
"""The names that each column may have. Case, blanks, ``_`` and ``-`` do not matter."""

OWN_NAMES: dict[str, tuple[str, ...]] = {
    SCOPE: ("scope", "photo"),
    PERSON: ("person",),
    NEEDED: ("needed",),
}
"""The names that win over others: a file may have a ``person`` and a ``name`` of something else."""

HEADER_ROWS = 10
"""Rows that are searched for the header, at most: spreadsheets have titles above their tables."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell whose content cannot be taken as text, and why, in words."""

    fault: str


Cell = str | BadCell


def is_filled(cell: Cell) -> bool:
    """Whether there is anything in a cell but blanks."""
    return not isinstance(cell, str) or bool(cell.strip())


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file: the number of its first line, and its cells.

    ``fault`` says in words why a row could not be split into cells.
    """

    number: int
    cells: Sequence[Cell]
    fault: str | None = None

    @property
    def blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.fault is None and not any(map(is_filled, self.cells))


@dataclass(frozen=True, slots=True)
class Header:
    """The positions of a roster's columns among the cells of a row, and how many cells it names."""

    scope: int
    person: int
    needed: int | None
    width: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """The header of a file and the rows below it."""

    header: Header
    rows: Iterator[Row]


def find_header(rows: Iterable[Row]) -> Sheet | None:
    """The header among the first HEADER_ROWS rows with content, and what follows; None without.

    Raises ValueError where two columns could be meant.
    """
    source = iter(rows)
    for row in islice((row for row in source if not row.blank), HEADER_ROWS):
        header = read_header(row)
        if header is not None:
            return Sheet(header, source)
    return None


def read_header(row: Row) -> Header | None:
    """The columns that a row names; None where it names no photo or no person.

    Raises ValueError where two columns could be meant.
    """
    names = [_plain(cell) if isinstance(cell, str) else "" for cell in row.cells]
    if row.fault is not None or not all(
        any(name in COLUMN_NAMES[role] for name in names) for role in (SCOPE, PERSON)
    ):
        return None
    scope, person = _position(names, SCOPE), _position(names, PERSON)
    if scope is None or person is None:
        return None
    width = max((n for n, name in enumerate(names, 1) if name), default=0)
    return Header(scope, person, _position(names, NEEDED), width)


def no_header(source: str, kind: str, first: Row | None) -> FatalError:
    """The error for a file without a header that says who is expected where."""
    cells = first.cells if first is not None else ()
    there = ", ".join(repr(cell[:40]) for cell in cells[:8] if isinstance(cell, str) and cell)
    return FatalError(
        f"{source}: expected a {kind} whose first line names the columns photo,person or "
        f"scope,person,needed ({accepted_names()}); it begins with {there or 'nothing'}"
    )


def accepted_names() -> str:
    """The names that columns may have, in words."""
    return "; ".join(f"{role}: {', '.join(names)}" for role, names in COLUMN_NAMES.items())


def _position(names: Sequence[str], role: str) -> int | None:
    """The position of a role's column. Raises ValueError where two columns could be meant."""
    for name in OWN_NAMES[role]:
        if names.count(name) == 1:
            return names.index(name)
    found = [n for n, name in enumerate(names) if name in COLUMN_NAMES[role]]
    if len(found) > 1:
        several = ", ".join(repr(names[n]) for n in found)
        raise ValueError(
            f"the columns {several} could each be {role!r}: name the right one {OWN_NAMES[role][0]}"
        )
    return found[0] if found else None


def _plain(cell: str) -> str:
    """A column's name without case, blanks, ``_`` and ``-``."""
    return "".join(c for c in cell.casefold() if c not in " _-\t\u00a0").strip()
