"""Manifests: lists of photos, as CSV, JSON Lines or Parquet with a column of URIs or paths."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator

from headcount.collections.cells import (
    Row,
    Untyped,
    number_or_text_in,
    taken_in,
    text_in,
    whole_number_in,
    with_plain_times,
)
from headcount.collections.entries import Entry, unreadable
from headcount.collections.ranges import RangeFile, buffered
from headcount.errors import FatalError, HeadcountError
from headcount.storage.base import ObjectInfo, Reader
from headcount.storage.uris import split_object_uri
from headcount.text import undefused

URI_COLUMNS = ("uri", "url", "path", "file", "photo")
"""The names of the column of URIs or paths; the first that is there counts."""
SIZE_COLUMNS = ("bytes", "size")
TAKEN = "taken"
"""The column of when a photo was taken, as text or as a timestamp."""
SEPARATORS = (",", ";", "\t", "|")
MAX_LINE = 1 << 20
BATCH_ROWS = 8192


class Manifest:
    """One manifest: its rows as entries. ``uri`` is its own, from which relative paths start."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.folder = split_object_uri(uri)[0]

    def check(self, reader: Reader, container: ObjectInfo) -> str | None:
        """The fault of a file, in words, as far as its first bytes show."""
        try:
            next(self.scan(reader, container), None)
        except FatalError as error:
            return str(error)
        return None

    def scan(self, reader: Reader, container: ObjectInfo) -> Iterator[Entry]:
        """One entry per row. Raises FatalError for a file that cannot be understood."""
        rows = _reading_of(container.key)(reader, container)
        number = 1
        try:
            for row in rows:
                yield self._entry(row)
                number += 1
        except (ValueError, csv.Error, TypeError) as error:
            raise FatalError(f"{self.uri}, row {number}: {error}") from error

    def _entry(self, row: Row) -> Entry:
        column = next((name for name in URI_COLUMNS if name in row), None)
        if column is None:
            raise FatalError(
                f"{self.uri} has no column of photos: expected one named "
                + ", ".join(URI_COLUMNS[:-1])
                + f" or {URI_COLUMNS[-1]}"
            )
        text = text_in(row, column)
        key = number_or_text_in(row, "key") or text
        if not text:
            raise ValueError(f"the column {column} is empty")
        key.encode()  # JSON can spell what UTF-8 cannot
        etag, size = number_or_text_in(row, "etag"), _size(row)
        try:
            store, name = self.locate(text)
        except HeadcountError as error:
            return unreadable(key, etag, size, str(error))
        return Entry(key, etag, size, (store, name), taken=taken_in(row, TAKEN))

    def locate(self, text: str) -> tuple[str, str]:
        """The store and the key of what a row names; relative paths start at the manifest."""
        if "://" in text:
            if text.lower().startswith("s3://"):
                bucket, _, key = text[len("s3://") :].partition("/")
                if not bucket or not key or key.endswith("/"):
                    raise FatalError(f"{text!r} names no object")
                return f"s3://{bucket}/", key
            return _from_root(text)
        if text.startswith("/"):
            return _from_root(text)
        if self.folder.startswith("s3://"):
            return self.locate(_joined(self.folder, text))
        from headcount.storage.uris import local_path

        return _from_root(str(local_path(self.folder) / text))


def _joined(folder: str, relative: str) -> str:
    """An S3 key beside the manifest, ``..`` resolved as in a path."""
    bucket, _, prefix = folder[len("s3://") :].partition("/")
    parts = [part for part in prefix.split("/") if part]
    for part in relative.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return f"s3://{bucket}/" + "/".join(parts)


def _from_root(uri: str) -> tuple[str, str]:
    """A local file as a key of the whole file system: one store does for all rows."""
    import os

    from headcount.storage.file_names import key_of
    from headcount.storage.uris import local_path

    return "file:///", key_of(os.fsencode(local_path(uri))).lstrip("/")


def _size(row: Row) -> int:
    """The size that a row says; 0 where it says none."""
    sizes = (whole_number_in(row, name) for name in SIZE_COLUMNS)
    return next((size for size in sizes if size is not None), 0)


def _reading_of(key: str) -> Callable[[Reader, ObjectInfo], Iterator[Row]]:
    if key.lower().endswith(".parquet"):
        return _parquet_rows
    return _csv_rows if key.lower().endswith(".csv") else _json_rows


def _csv_rows(reader: Reader, container: ObjectInfo) -> Iterator[Row]:
    """The rows of a CSV, also of one that headcount wrote for spreadsheets: see undefused."""
    text = io.TextIOWrapper(buffered(reader, container), "utf-8-sig", newline="")
    first = text.readline(MAX_LINE)
    names = next(csv.reader([first], delimiter=(separator := _separator(first))), [])
    for row in csv.DictReader(text, names, delimiter=separator):
        yield {name: Untyped(undefused(v)) if isinstance(v, str) else v for name, v in row.items()}


def _separator(first: str) -> str:
    """The separator by which a header names the column of photos; a comma where none does."""
    for separator in SEPARATORS:
        if set(URI_COLUMNS) & set(next(csv.reader([first], delimiter=separator), [])):
            return separator
    return ","


def _json_rows(reader: Reader, container: ObjectInfo) -> Iterator[Row]:
    file = buffered(reader, container)
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise ValueError("a line of more than a megabyte")
        if not line.strip():
            continue
        row = json.loads(line.decode("utf-8-sig"))
        if not isinstance(row, dict):
            raise ValueError('expected an object such as {"uri": "s3://bucket/photo.jpg"}')  # noqa: TRY004
        yield row


def _parquet_rows(reader: Reader, container: ObjectInfo) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.PythonFile(RangeFile(reader, container), mode="r"))
        known = {*URI_COLUMNS, *SIZE_COLUMNS, "key", "etag", TAKEN}
        columns = [name for name in file.schema_arrow.names if name in known]
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield from with_plain_times(batch).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"no Parquet file that can be read ({error})") from error
