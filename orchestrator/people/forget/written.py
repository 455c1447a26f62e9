"""The result tables in one place, as a `forget` finds them there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from headcount.contract.columns import RESULTS
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.marks import Marks, Standing, contract_of, is_marked
from headcount.contract.stored.jobs import SheetForm, TableFormat
from headcount.errors import FatalError, ObjectMissing
from headcount.export import DEFAULT_FORM, DamagedTable, fetch_table, form_of, text_files
from headcount.storage import Store
from orchestrator.people.forget.edited import Traces, is_own, require_key, scrub
from orchestrator.people.forget.workbooks import scrub_workbook


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A Parquet table of results: its rows by the contract, and the columns its file has.

    ``contract`` is the version by which it was written.
    """

    name: str
    rows: pa.Table
    names: list[str]
    contract: int


@dataclass(frozen=True, slots=True)
class WrittenResults:
    """The results in one place; the keys of ``unread`` say what is out of reach, and why."""

    out: Store
    folder: Path
    marks: Marks
    unread: dict[str, None] = field(default_factory=dict)

    def read(self, name: str) -> FoundTable | None:
        """Read a table; None where there is none, it is not ours, or it is out of reach."""
        key = f"{name}.parquet"
        try:
            fetched = fetch_table(self.out, key, self.folder)
            contract = contract_of(fetched.schema, name, self.marks.get(key))
            parts = [] if contract is None else list(fetched.parts)
        except ObjectMissing:
            return None
        except DamagedTable as error:
            self.unread[str(error)] = None
            return None
        if contract is None:
            return None
        table = pa.concat_tables([fetched.schema.empty_table(), *parts])
        try:
            require_key(table.schema.names, RESULTS[name])
            rows = _by_contract(table, _contract(name, contract))
        except (pa.ArrowException, ValueError) as error:
            if is_marked(fetched.schema, name, self.marks.get(key)):
                # Arrow's errors quote cells, and this text is kept in the tombstone.
                why = (
                    "a column is of another type" if isinstance(error, pa.ArrowException) else error
                )
                self.unread[f"{key}: it cannot be read as a table of {name}: {why}"] = None
            return None
        return FoundTable(name, rows, table.schema.names, contract)

    def text_files(self, name: str) -> dict[TableFormat, Standing]:
        """Standing of a table's files in other formats, by format."""
        return text_files(self.out, name, RESULTS[name].shown())

    def form(self, name: str, kind: str) -> SheetForm:
        """The form that a table's file in a format has now."""
        if kind not in ("csv", "xlsx"):
            return DEFAULT_FORM
        return form_of(self.out, f"{name}.{kind}", RESULTS[name].shown())

    def has_tables(self) -> bool:
        """Whether there is any table of a run."""
        found = any(self.text_files(name) or self.read(name) for name in RESULTS)
        return found or bool(self.unread)

    def scrub(self, name: str, kind: str, stone: ForgottenRecord) -> None:
        """Take the person out of a file that another program saved."""
        key = f"{name}.{kind}"
        data = self.out.get(key).data
        try:
            of_kind = scrub_workbook if kind == "xlsx" else partial(scrub, kind=kind)
            left = of_kind(data, table=RESULTS[name], stone=stone)
        except FatalError as error:
            self.unread[f"{key}: {error}"] = None
            return
        if left.data != data:
            self.out.put(key, left.data)
        self._note(key, left.mentions)

    def note_mentions(self, found: FoundTable, stone: ForgottenRecord) -> None:
        """Note unknown columns of a table that still tell of the person, as out of reach.

        Cells of theirs that were just the person's name or id are emptied before.
        """
        own = [column for column in found.names if is_own(column, RESULTS[found.name])]
        traces = Traces.of(stone)
        rows = found.rows.select(own)
        self._note(
            f"{found.name}.parquet",
            [name for name in own if any(traces.tell_of(value) for value in _texts(rows[name]))],
        )

    def _note(self, key: str, columns: Iterable[str]) -> None:
        if names := ", ".join(columns):
            self.unread[f"{key} still names the person in {names}"] = None


def _texts(column: pa.ChunkedArray) -> list[Any]:
    """Values of a column; none of a numeric one, which holds no text."""
    if pa.types.is_primitive(column.type):
        return []
    return list(column.to_pylist())


def _contract(name: str, version: int) -> pa.Schema:
    """The columns of a table in a version of the contract, and after them this build's."""
    return pa.unify_schemas([RESULTS[name].shown(version), RESULTS[name].shown()])


def _by_contract(table: pa.Table, contract: pa.Schema) -> pa.Table:
    """Table with all columns of the contract, null where missing, then the file's own columns."""
    there = table.schema.names
    known = {
        field.name: table[field.name].cast(field.type)
        if field.name in there
        else pa.nulls(table.num_rows, field.type)
        for field in contract
    }
    own = {name: table[name] for name in there if name not in contract.names}
    return pa.table({**known, **own})
