"""Writing result tables as Parquet, CSV or JSON Lines, batch by batch, and reading them back."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from headcount.errors import FatalError, ObjectError
from headcount.storage import Store

ROWS_PER_GROUP = 64_000
CHUNK_BYTES = 16 << 20
"""Bytes of one request when a table is fetched."""
HEAD_BYTES = 1 << 20
"""Of a CSV or JSON Lines file, what is read to see whose it is: its first line is in there."""


class _Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

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
    """One result table on its way: rows go in, and on leaving the files go to the store, whole."""

    def __init__(
        self, out: Store, name: str, schema: pa.Schema, formats: Sequence[str], folder: Path
    ) -> None:
        self._out = out
        self._schema = schema
        self._paths = {f"{name}.{kind}": folder / f"{name}.{kind}" for kind in formats}
        self._writers: list[_Writer] = [
            _WRITERS[path.suffix[1:]](path, schema) for path in self._paths.values()
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
            for name, path in self._paths.items():
                self._out.put_file(name, path)


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
) -> int:
    """Write a result table from its parts; returns the number of rows."""
    with TableFile(out, name, schema, formats, folder) as file:
        for table in tables:
            file.write(table)
    return file.rows


def formats_in(store: Store, name: str, schema: pa.Schema) -> tuple[str, ...]:
    """The formats beside Parquet in which a result table lies in a store.

    A file of that name with other columns is somebody else's, and not counted.
    """
    return tuple(kind for kind in ("csv", "jsonl") if _is_ours(store, f"{name}.{kind}", schema))


def drop_formats(store: Store, name: str, schema: pa.Schema, *, keep: Sequence[str]) -> None:
    """Remove a result table in the formats that were not written now: they say what was before."""
    for kind in formats_in(store, name, schema):
        if kind not in keep:
            store.delete(f"{name}.{kind}")


def _is_ours(store: Store, key: str, schema: pa.Schema) -> bool:
    try:
        if not store.stat(key).size:
            return key.endswith(".jsonl")  # as a table without rows is; nobody loses anything
        head = store.get_range(key, 0, HEAD_BYTES)
    except ObjectError:
        return False
    first = head.split(b"\n", 1)[0].decode(errors="replace")
    try:
        if key.endswith(".csv"):
            return bool(next(csv.reader([first]), []) == schema.names)
        row = json.loads(first)
    except (ValueError, csv.Error):
        return False
    return bool(isinstance(row, dict) and list(row) == schema.names)


def read_table(store: Store, key: str, folder: Path) -> Iterator[pa.Table]:
    """A Parquet table of a store, part by part; it is fetched into ``folder`` first.

    Raises ObjectMissing where there is none, and FatalError where it is damaged.
    """
    path = folder / "fetched.parquet"
    size = store.stat(key).size
    with path.open("wb") as file:
        for offset in range(0, size, CHUNK_BYTES):
            file.write(store.get_range(key, offset, CHUNK_BYTES))
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches():
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk
        raise FatalError(f"{store.uri}{key} is damaged: {error}") from error
