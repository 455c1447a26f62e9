"""A forgotten person taken out of CSV and JSON Lines tables that another program saved.

Their columns and separators may differ from a run's, so they are not written again from the Parquet
table: rows about the person are removed, and cells that name the person are emptied.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from headcount.contract.column import Columns
from headcount.contract.columns import RESULTS
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.marks import SEPARATORS
from headcount.contract.vocabulary import Decision
from headcount.errors import FatalError
from headcount.rosters.statuses import hint_words
from headcount.text import undefused

Cells = list[tuple[str, Any]]
"""A row: pairs of column and value."""

WHOLE = ("captions", "people_by_folder", "people_by_date", "together")
"""Tables whose rows about a person go whole. Their columns have everyday names, such as `text`: one
of a user's own in another table may be called so, and is searched as any of the user's own."""

NAMING = {
    name: c.names
    for table in RESULTS.values()
    if table.name not in WHOLE
    for c in table.columns
    for name in (c.name, c.formerly)
    if name
}
"""Kind of each column of the results: it names a person by id, by name, or not at all."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Words by which a table tells of a person: id, name, ids of faces."""

    words: frozenset[str]
    faces: frozenset[str]
    name: re.Pattern[str] | None

    @classmethod
    def of(cls, stone: ForgottenRecord) -> Traces:
        """Traces of the person who is being forgotten."""
        name = re.compile(rf"(?<!\w){re.escape(stone.person)}(?!\w)") if stone.person else None
        words = {stone.person_id, *([stone.person] if stone.person else [])}
        return cls(frozenset(words), frozenset(stone.faces), name)

    def tell_of(self, value: object) -> bool:
        """Whether a value mentions the person and is more than a name or an id."""
        text = _text(value)
        return text not in self.words and text not in self.faces and self._are_in(text)

    def without_hint(self, reason: Any) -> Any:
        """A reason that does not name the person as the one who may be meant."""
        for name in self.words if isinstance(reason, str) else ():
            reason = reason.replace(hint_words(name), "")
        return reason

    def _are_in(self, text: str) -> bool:
        if self.name is not None and self.name.search(text):
            return True
        return any(word in self.words or word in self.faces for word in re.findall(r"\w+", text))


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A table without the person; ``mentions`` are its unknown columns that still tell of them."""

    data: bytes
    mentions: tuple[str, ...]


def is_own(column: str, table: Columns) -> bool:
    """Whether a column is a user's own, and no result's."""
    return column not in NAMING and column not in table.shown().names


def scrub(data: bytes, kind: str, table: Columns, stone: ForgottenRecord) -> Scrubbed:
    """A table, in CSV or JSON Lines, without the person.

    Raises FatalError where it cannot be read as the table that it was.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    of_kind = _scrub_csv if kind == "csv" else _scrub_json_lines
    try:
        text, mentions = of_kind(data.decode("utf-8-sig"), table, Traces.of(stone))
    except (ValueError, csv.Error) as error:
        raise FatalError(f"it cannot be read as a table of {table.name}: {error}") from error
    return Scrubbed(mark + text.encode(), mentions)


def require_key(names: Collection[str], table: Columns) -> None:
    """Raise ValueError where columns of the table's key are missing."""
    if missing := [name for name in table.key if name not in names]:
        raise ValueError(f"it has no column {', '.join(missing)}")


def _scrub_csv(text: str, table: Columns, traces: Traces) -> tuple[str, tuple[str, ...]]:
    separator = _separator(text, table)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = next(lines, [])
    require_key(header, table)
    rows = (list(zip(_as_long(header, line), line, strict=False)) for line in lines)
    kept, mentions = without_rows(rows, table, traces)
    made = io.StringIO(newline="")
    end = "\r\n" if "\r\n" in text else "\n"
    writer = csv.writer(made, delimiter=separator, lineterminator=end)
    writer.writerow(header)
    writer.writerows([value for _, value in row] for row in kept)
    return made.getvalue(), mentions


def _scrub_json_lines(text: str, table: Columns, traces: Traces) -> tuple[str, tuple[str, ...]]:
    lines = [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(line, dict) for line in lines):
        raise ValueError("not every line is a row")
    for line in lines:
        require_key(line, table)
    kept, mentions = without_rows((list(line.items()) for line in lines), table, traces)
    made = [json.dumps(dict(row), ensure_ascii=False) + "\n" for row in kept]
    return "".join(made), mentions


def _separator(text: str, table: Columns) -> str:
    """The separator that finds most of the table's columns in the first line."""
    first, known = text.split("\n", 1)[0].rstrip("\r"), set(table.shown().names)
    found = {s: len(known & set(next(csv.reader([first], delimiter=s), []))) for s in SEPARATORS}
    return max(found, key=lambda separator: found[separator])


def _as_long(header: list[str], line: list[str]) -> list[str]:
    """The header, extended by nameless columns to the length of the line."""
    return [*header, *[""] * (len(line) - len(header))]


def without_rows(
    rows: Iterable[Cells], table: Columns, traces: Traces
) -> tuple[list[Cells], tuple[str, ...]]:
    """Rows without the person, and the unknown columns that still mention the person."""
    judged = [_without(row, table, traces) for row in rows]
    kept = [row for row in judged if row is not None]
    mentions = {
        name: None
        for row in kept
        for name, value in row
        if is_own(name, table) and traces.tell_of(value)
    }
    return kept, tuple(mentions)


def _without(row: Cells, table: Columns, traces: Traces) -> Cells | None:
    """The row, with cells that name the person emptied; None if it is about the person."""
    values = {name: _text(value) for name, value in row}
    if table.name == "faces" and values.get("face_id") in traces.faces:
        return None
    if _is_about(values, table, traces):
        return None
    unknown = table.name == "faces" and values.get("person_id") in traces.words
    near = {values.get("nearest_person_id"), values.get("nearest")} & traces.words
    gone = {name for name in values if near and NAMING.get(name) == "nearest"}
    if table.name == "expected" and values.get("face_id") in traces.faces:
        gone |= {"similarity", "quality"}
    return [
        (name, None if name in gone else _emptied(name, value, traces, unknown=unknown))
        for name, value in row
    ]


def _is_about(values: dict[str, str], table: Columns, traces: Traces) -> bool:
    """Whether a row of an edited table goes as a whole; captions go, they cannot be made anew."""
    if table.name in ("people", "people_by_folder", "people_by_date"):
        return values.get("person_id") in traces.words
    if table.name == "captions":
        return any(text in traces.words or traces.tell_of(text) for text in values.values())
    columns = {"expected": ("person_id", "person"), "together": ("person_id", "other_id")}
    return any(values.get(name) in traces.words for name in columns.get(table.name, ()))


def _text(value: object) -> str:
    """A cell's text without blanks around it, and without the mark that defuses it."""
    return undefused(str(value).strip())


def _emptied(name: str, value: Any, traces: Traces, *, unknown: bool) -> Any:
    if name == "decision" and unknown:
        return Decision.UNKNOWN.value
    text = _text(value)
    if name == "reason":
        return traces.without_hint(value)
    names_somebody = NAMING.get(name, "name") or name in ("exemplar_face_id", "face_id")
    return None if names_somebody and (text in traces.words or text in traces.faces) else value
