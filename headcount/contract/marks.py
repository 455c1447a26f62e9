"""The marks by which a result table is known as headcount's, whatever columns it has.

In Parquet the mark is metadata, in XLSX the workbook's subject. ``tables.json`` beside the tables
lists every file with its table, the version of the contract and the SHA-256: of one that another
program saved anew that differs. Results of earlier builds bear no mark: they are ours where they
have the columns of a published version of the contract.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.contract.columns import RESULTS, VERSION
from headcount.errors import ObjectError, ObjectMissing
from headcount.storage import Store
from headcount.storage.base import Reader

MARKS = "tables.json"
SEPARATORS = ",;\t|"
"""Those of CSV files, as spreadsheets write them in one country or another."""
HEAD_BYTES = 1 << 20
"""Bytes read of a CSV or JSON Lines file to see whose it is: its first line is in there."""
CHUNK_BYTES = 16 << 20
"""Bytes of one request when a table is fetched."""

MAX_WORKBOOK = 1 << 30
"""Bytes of an XLSX file that is looked into."""

_PROPERTIES = "docProps/core.xml"
_TABLE, _CONTRACT = b"headcount.table", b"headcount.contract"


class Mark(BaseModel):
    """One file of results: its table, the version of its columns, and its bytes when written."""

    model_config = ConfigDict(frozen=True)

    table: str
    contract: int
    sha256: str
    landmarks: bool = False
    """Whether a workbook has them; a CSV says so in its first line."""


class MarksRecord(BaseModel):
    """``tables.json``: the marks by the names of the files. Fields of a later build are ignored."""

    model_config = ConfigDict(frozen=True)

    headcount: int = 1
    files: dict[str, Mark]


class Standing(StrEnum):
    """Owner of a CSV or JSON Lines file that bears the name of a result table."""

    ABSENT = "absent"
    OTHERS = "somebody else's"
    OURS = "as a run writes it"
    EDITED = "a run's, saved anew by another program"


Marks = Mapping[str, Mark]


def read_marks(store: Reader) -> Marks:
    """The marks in a place of results; none where ``tables.json`` is not there or not ours."""
    record = _read(store)
    return record.files if record else {}


def add_marks(store: Store, marks: Marks) -> None:
    """Mark files that are written next; a ``tables.json`` that is not ours stays as it is."""
    record = _read(store)
    if record is not None:
        _write(store, {**record.files, **marks})


def remove_marks(store: Store, names: Iterable[str]) -> None:
    """Remove the marks of files that were removed."""
    gone, record = set(names), _read(store)
    if record is not None and gone & set(record.files):
        _write(store, {name: mark for name, mark in record.files.items() if name not in gone})


def as_metadata(table: str, contract: int) -> dict[bytes, bytes]:
    """The mark of a Parquet file."""
    return {_TABLE: table.encode(), _CONTRACT: str(contract).encode()}


def as_property(table: str, contract: int) -> str:
    """The mark of an XLSX file."""
    return f"{_TABLE.decode()}={table} {_CONTRACT.decode()}={contract}"


def is_list(field: Any) -> bool:
    """Whether a column, anything with an Arrow type, is of lists: spreadsheets have none."""
    return bool(pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type))


def contract_of(found: pa.Schema, table: str, mark: Mark | None) -> int | None:
    """The version of the contract that a Parquet file was written by; None: not ours.

    Other programs lose its metadata when they save it: then ``mark``, its line of ``tables.json``,
    or its columns tell.
    """
    metadata = found.metadata or {}
    if metadata.get(_TABLE) == table.encode():
        return int(metadata.get(_CONTRACT, b"1"))
    if mark is not None:
        return mark.contract
    return _published(table, found.names)


def is_marked(found: pa.Schema, table: str, mark: Mark | None) -> bool:
    """Whether a Parquet file is ours by its mark, and not by its columns alone."""
    return mark is not None or (found.metadata or {}).get(_TABLE) == table.encode()


def standing(store: Reader, key: str, columns: list[str], mark: Mark | None) -> Standing:
    """Standing of the file at ``key``; ``columns`` are those of this build."""
    if key.endswith(".xlsx"):
        return _standing_of_workbook(store, key, mark)
    try:
        size = store.stat(key).size
        head = store.get_range(key, 0, HEAD_BYTES)
    except ObjectError:
        return Standing.ABSENT
    if not size:  # a JSON Lines file without rows: nobody loses anything
        return Standing.OURS if key.endswith(".jsonl") else Standing.OTHERS
    table = Path(key).stem
    known = _known_headers(table, columns)
    headers = _headers(head, csv_file=key.endswith(".csv"))
    if any(header in known for header in headers[:1]):
        return Standing.OURS
    if mark is not None:
        return Standing.OURS if digest_of(store, key) == mark.sha256 else Standing.EDITED
    alike = any(set(names) <= set(header) for names in known for header in headers)
    return Standing.EDITED if alike else Standing.OTHERS


def _standing_of_workbook(store: Reader, key: str, mark: Mark | None) -> Standing:
    try:
        if mark is not None:
            return Standing.OURS if digest_of(store, key) == mark.sha256 else Standing.EDITED
        file = io.BytesIO(store.get(key, limit=MAX_WORKBOOK).data)
    except ObjectError:
        return Standing.ABSENT
    try:
        with zipfile.ZipFile(file) as parts, parts.open(_PROPERTIES) as part:
            ours = f"{_TABLE.decode()}={Path(key).stem} ".encode() in part.read(HEAD_BYTES)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, zlib.error):
        return Standing.OTHERS
    return Standing.EDITED if ours else Standing.OTHERS


def _known_headers(table: str, columns: list[str]) -> list[list[str]]:
    """The columns of this build and of each version, with lists and without them."""
    if table not in RESULTS:
        return [columns]
    lists = {c.name for c in RESULTS[table].columns if is_list(c)}
    known = [columns, *RESULTS[table].published(VERSION)]
    return known + [[name for name in names if name not in lists] for names in known if lists]


def digest_of(store: Reader, key: str) -> str:
    """The SHA-256 of an object."""
    digest, offset = hashlib.sha256(), 0
    while chunk := store.get_range(key, offset, CHUNK_BYTES):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def headers_of(head: bytes) -> dict[str, list[str]]:
    """The columns that a CSV's first line names, by separator; empty where it is no CSV."""
    first = _first_line(head)
    try:
        return {s: next(csv.reader([first], delimiter=s), []) for s in SEPARATORS}
    except csv.Error:
        return {}


def _first_line(head: bytes) -> str:
    return head.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").rstrip("\r")


def _headers(head: bytes, *, csv_file: bool) -> list[list[str]]:
    """The columns that the first line names: by commas first, then by each other separator."""
    if csv_file:
        return list(headers_of(head).values())
    try:
        row = json.loads(_first_line(head))
    except ValueError:
        return []
    return [list(row)] if isinstance(row, dict) else []


def _published(table: str, names: Iterable[str]) -> int | None:
    """The latest version of the contract of which all columns are among these."""
    there = set(names)
    for version in range(VERSION, 0, -1) if table in RESULTS else ():
        columns = set(RESULTS[table].shown(version).names)
        if columns and columns <= there:  # from before the table it has none
            return version
    return None


def _read(store: Reader) -> MarksRecord | None:
    """The record; None where it is somebody else's, or may not be read."""
    try:
        return MarksRecord.model_validate_json(store.get(MARKS).data)
    except ObjectMissing:
        return MarksRecord(files={})
    except (ObjectError, ValidationError):
        return None


def _write(store: Store, files: Marks) -> None:
    record = MarksRecord(files=dict(sorted(files.items())))
    store.put(MARKS, record.model_dump_json(indent=1).encode())
