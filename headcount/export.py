"""Writing result tables as Parquet, CSV or JSON Lines, batch by batch, and reading them back."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from headcount.contract.columns import VERSION
from headcount.contract.marks import (
    CHUNK_BYTES,
    Mark,
    Standing,
    add_marks,
    as_metadata,
    read_marks,
    remove_marks,
    standing,
)
from headcount.errors import FatalError
from headcount.storage import Store

ROWS_PER_GROUP = 64_000


class DamagedTable(FatalError):
    """A Parquet file that is none, or is cut or changed."""


class _Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="snappy")  # all can read it

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)

    def close(self) -> None:
        self._writer.close()


class _Csv:
    """Lists become JSON text, since CSV has no lists."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        flat = [(f.name, pa.string() if pa.types.is_list(f.type) else f.type) for f in schema]
        self._schema = pa.schema(flat)
        self._writer = pacsv.CSVWriter(path, self._schema)

    def write(self, table: pa.Table) -> None:
        columns = [
            pa.array([json.dumps(v) for v in column.to_pylist()])
            if pa.types.is_list(column.type)
            else column
            for column in table.columns
        ]
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _JsonLines:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._names = schema.names
        self._file = path.open("w", encoding="utf-8")

    def write(self, table: pa.Table) -> None:
        for row in table.select(self._names).to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


_WRITERS: dict[str, Callable[[Path, pa.Schema], _Writer]] = {
    "parquet": _Parquet,
    "csv": _Csv,
    "jsonl": _JsonLines,
}


class TableFile:
    """One result table on its way: rows go in, and on leaving the files go to the store, whole.

    Their marks go first: whatever lies there after an interruption is known as ours.
    """

    def __init__(
        self,
        out: Store,
        name: str,
        schema: pa.Schema,
        formats: Sequence[str],
        folder: Path,
        *,
        contract: int = VERSION,
    ) -> None:
        self._out, self._name, self._contract = out, name, contract
        self._schema = schema.with_metadata(as_metadata(name, contract))
        self._paths = {f"{name}.{kind}": folder / f"{name}.{kind}" for kind in formats}
        self._writers: list[_Writer] = [
            _WRITERS[path.suffix[1:]](path, self._schema) for path in self._paths.values()
        ]
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Add rows; their columns must be those of the schema."""
        for start in range(0, max(1, table.num_rows), ROWS_PER_GROUP):
            part = table.slice(start, ROWS_PER_GROUP).select(self._schema.names)
            part = part.cast(self._schema)  # a part at a time: a large table is not copied whole
            for writer in self._writers:
                writer.write(part)
        self.rows += table.num_rows

    def __enter__(self) -> TableFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers:
            writer.close()
        if kind is None:
            add_marks(self._out, {name: self._mark(path) for name, path in self._paths.items()})
            for name, path in self._paths.items():
                self._out.put_file(name, path)

    def _mark(self, path: Path) -> Mark:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Mark(table=self._name, contract=self._contract, sha256=digest)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files on their way; a full disk is said plainly."""
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headcount-")))
            yield folder
        except OSError as error:
            if error.errno == 28:
                raise FatalError(
                    f"disk full while writing results to {tempfile.gettempdir()}: free some "
                    "space or set TMPDIR, then run again"
                ) from error
            raise


def write_table(
    out: Store,
    name: str,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    *,
    formats: Sequence[str],
    folder: Path,
    contract: int = VERSION,
) -> int:
    """Write a result table from its parts; returns the number of rows.

    ``contract`` is the version of the contract that its columns are of.
    """
    with TableFile(out, name, schema, formats, folder, contract=contract) as file:
        for table in tables:
            file.write(table)
    return file.rows


def text_files(store: Store, name: str, schema: pa.Schema) -> dict[str, Standing]:
    """The formats beside Parquet in which a result table lies in a store, and how each stands.

    A file of that name that is somebody else's is not counted.
    """
    found, of = {}, read_marks(store)
    for kind in ("csv", "jsonl"):
        key = f"{name}.{kind}"
        found[kind] = standing(store, key, schema.names, of.get(key))
    return {k: v for k, v in found.items() if v in (Standing.OURS, Standing.EDITED)}


def drop_formats(store: Store, name: str, schema: pa.Schema, *, keep: Sequence[str]) -> None:
    """Remove a result table in the formats that were not written now: they say what was before.

    What somebody saved anew with other columns, or another separator, stays.
    """
    files = text_files(store, name, schema)
    gone = [f"{name}.{k}" for k, v in files.items() if v is Standing.OURS and k not in keep]
    for key in gone:
        store.delete(key)
    remove_marks(store, gone)


@dataclass(frozen=True, slots=True)
class FetchedTable:
    """A Parquet table of a store that was fetched: its schema, and its rows part by part."""

    schema: pa.Schema
    parts: Iterator[pa.Table]


def fetch_table(store: Store, key: str, folder: Path) -> FetchedTable:
    """Fetch a Parquet table of a store into ``folder``.

    Raises ObjectMissing where there is none, and DamagedTable, also from its parts.
    """
    path = folder / "fetched.parquet"
    size = store.stat(key).size
    with path.open("wb") as file:
        for offset in range(0, size, CHUNK_BYTES):
            file.write(store.get_range(key, offset, CHUNK_BYTES))
    with _damage_said(store, key):
        schema = pq.read_schema(path)
    return FetchedTable(schema, _parts(store, key, path))


def read_table(store: Store, key: str, folder: Path) -> Iterator[pa.Table]:
    """A Parquet table of a store, part by part; raises what fetch_table does."""
    yield from fetch_table(store, key, folder).parts


def _parts(store: Store, key: str, path: Path) -> Iterator[pa.Table]:
    with _damage_said(store, key), pq.ParquetFile(path) as table:
        for batch in table.iter_batches():
            yield pa.Table.from_batches([batch])


@contextmanager
def _damage_said(store: Store, key: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk
        raise DamagedTable(f"{store.uri}{key} is damaged: {error}") from error


def contract_schema(found: pa.Schema, contract: pa.Schema) -> pa.Schema:
    """A table's own columns: those of the contract first, in its order and types."""
    known = [field for field in contract if field.name in found.names]
    return pa.schema([*known, *(field for field in found if field.name not in contract.names)])
