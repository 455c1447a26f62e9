"""Writing result tables in their formats, batch by batch, and reading the Parquet ones back."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from headcount.contract.columns import VERSION
from headcount.contract.marks import (
    CHUNK_BYTES,
    HEAD_BYTES,
    Mark,
    Standing,
    add_marks,
    as_metadata,
    headers_of,
    is_list,
    read_marks,
    remove_marks,
    standing,
)
from headcount.contract.stored.jobs import TABLE_FORMATS, SheetForm, TableFormat
from headcount.errors import FatalError
from headcount.export.spreadsheets import BOM, CsvFile, XlsxFile
from headcount.settings import SEPARATORS
from headcount.storage import Store
from headcount.storage.local.scratch import scratch_folder

ROWS_PER_GROUP = 64_000
DEFAULT_FORM = SheetForm()


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


class _JsonLines:
    """One JSON object a row; what JSON has no word for, such as a time, is text."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._names = schema.names
        self._file = path.open("w", encoding="utf-8")

    def write(self, table: pa.Table) -> None:
        for row in table.select(self._names).to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        self._file.close()


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
        form: SheetForm = DEFAULT_FORM,
    ) -> None:
        self._out, self._name, self._contract, self._form = out, name, contract, form
        self._schema = schema.with_metadata(as_metadata(name, contract))
        self._paths = {f"{name}.{kind}": folder / f"{name}.{kind}" for kind in formats}
        self._writers = [self._writer(path) for path in self._paths.values()]
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

    def _writer(self, path: Path) -> _Writer:
        match path.suffix:
            case ".csv":
                return CsvFile(path, self._schema, self._form)
            case ".xlsx":
                name, contract = self._name, self._contract
                return XlsxFile(path, self._schema, self._form, table=name, contract=contract)
            case ".jsonl":
                return _JsonLines(path, self._schema)
        return _Parquet(path, self._schema)

    def _mark(self, path: Path) -> Mark:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lists = path.suffix == ".xlsx" and self._form.landmarks
        return Mark(table=self._name, contract=self._contract, sha256=digest, landmarks=lists)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files on their way; a full disk is said plainly."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder())
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
    form: SheetForm = DEFAULT_FORM,
) -> int:
    """Write a result table from its parts; returns the number of rows.

    ``contract`` is the version of the contract that its columns are of, ``form`` that of its
    files for spreadsheets.
    """
    with TableFile(out, name, schema, formats, folder, contract=contract, form=form) as file:
        for table in tables:
            file.write(table)
    return file.rows


def text_files(store: Store, name: str, schema: pa.Schema) -> dict[TableFormat, Standing]:
    """The formats beside Parquet in which a result table lies in a store, with their standing.

    A file of that name that is somebody else's is not counted.
    """
    found: dict[TableFormat, Standing] = {}
    of = read_marks(store)
    for kind in TABLE_FORMATS[1:]:
        key = f"{name}.{kind}"
        found[kind] = standing(store, key, schema.names, of.get(key))
    return {k: v for k, v in found.items() if v in (Standing.OURS, Standing.EDITED)}


def form_of(store: Store, key: str, schema: pa.Schema) -> SheetForm:
    """The form of a CSV or XLSX file as a run wrote it; ``schema`` is that of its table."""
    if key.endswith(".xlsx"):
        mark = read_marks(store).get(key)
        return SheetForm(landmarks=mark is not None and mark.landmarks)
    head = store.get_range(key, 0, HEAD_BYTES)
    names = headers_of(head)
    separator = max(SEPARATORS, key=lambda one: len(names.get(one, ())))
    lists = {field.name for field in schema if is_list(field)}
    return SheetForm(
        separator=separator,
        bom=head.startswith(BOM),
        landmarks=bool(lists & set(names.get(separator, ()))),
    )


def drop_formats(
    store: Store, name: str, schema: pa.Schema, *, keep: Sequence[str]
) -> list[TableFormat]:
    """Remove a result table in the formats that were not written now: they say what was before.

    Returns these formats. What somebody saved anew with other columns, or another separator, stays.
    """
    files = text_files(store, name, schema)
    gone = [kind for kind, v in files.items() if v is Standing.OURS and kind not in keep]
    keys = [f"{name}.{kind}" for kind in gone]
    for key in keys:
        store.delete(key)
    remove_marks(store, keys)
    return gone


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
