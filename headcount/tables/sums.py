"""SHA-256 of the files of an archive's tables: Lance keeps none, and reads a changed bit as data.

Files of tables are written once, so a sum holds for ever. Sums are recorded when a job is
committed and when it ends, of the files that are new; all records of an archive together say what
is known. A record that is not whole is damage like any other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from headcount.contract.layout import SUMS, PackKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.archive import SumsRecord
from headcount.errors import FatalError, ObjectMissing
from headcount.s3_settings import S3Settings
from headcount.storage.base import Store
from headcount.tables.table import Table
from headcount.tables.versions import tracked_files

PIECE = 16 << 20
"""Bytes of a file that are read at once."""
RECORDS = 16
"""Records before they are made one: each commit reads them all."""

Sum = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of an archive: by key, the version of each table that they reach to, the records."""

    files: dict[str, Sum] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that is not as it was written."""

    key: str
    kind: Literal["damaged", "missing"]


def read_sums(store: Store) -> Sums:
    """All sums of an archive. Raises FatalError where a record of them is damaged."""
    files: dict[str, Sum] = {}
    versions: dict[str, int] = {}
    records = tuple(info.key for info in store.list(SUMS))
    for key in records:
        try:
            record = read_record(store, key, SumsRecord)
        except ObjectMissing:  # made one with others meanwhile
            return read_sums(store)
        files.update(record.files)
        versions.update({k: max(v, versions.get(k, 0)) for k, v in record.versions.items()})
    return Sums(files, versions, records)


def sum_of(store: Store, key: str) -> Sum:
    """Size and SHA-256 of an object, read piece by piece. Raises ObjectMissing."""
    digest, size = hashlib.sha256(), store.stat(key).size
    for offset in range(0, size, PIECE):
        digest.update(store.get_range(key, offset, min(PIECE, size - offset)))
    return size, digest.hexdigest()


def record_sums(store: Store, keys: PackKeys, s3: S3Settings) -> int:
    """Record the sums of a pack's files that have none; the number of those files.

    Only files of versions since the last record are looked for.
    """
    known = read_sums(store)
    files: dict[str, Sum] = {}
    versions: dict[str, int] = {}
    for key in tables_of_pack(keys):
        table = Table(store.uri, key, s3)
        if not table.exists():
            continue
        last = table.version
        since = known.versions.get(key, 0)
        if since == last:
            continue
        for path in tracked_files(table, min(since, last)):
            if f"{key}/{path}" not in known.files:
                files[f"{key}/{path}"] = sum_of(store, f"{key}/{path}")
        versions[key] = last
    if versions:
        _write(store, files, versions)
    if len(known.records) >= RECORDS:
        unite(store)
    return len(files)


def _write(store: Store, files: Mapping[str, Sum], versions: Mapping[str, int]) -> None:
    record = SumsRecord(at=now(), files=dict(files), versions=dict(versions))
    store.put(f"{SUMS}{record.at:%Y%m%d-%H%M%S.%f}-{secrets.token_hex(4)}.json", record.to_bytes())


def unite(store: Store, *, without: str | None = None) -> None:
    """Make all records one, of the files that are there; a record that comes meanwhile stays.

    Tables whose keys begin with ``without`` are left out: they are dropped.
    """
    known = read_sums(store)
    versions = {k: v for k, v in known.versions.items() if not without or not k.startswith(without)}
    there = {info.key for key in versions for info in store.list(f"{key}/")}
    _write(store, {k: v for k, v in known.files.items() if k in there}, versions)
    for key in known.records:
        store.delete(key)


def tables_of_pack(keys: PackKeys) -> tuple[str, ...]:
    """The keys of a pack's tables."""
    return keys.photos, keys.faces, keys.gallery


def faults(store: Store, sums: Sums, keys: Iterable[str]) -> Iterator[Fault]:
    """Yield those of the files that have a sum and are not as they were."""
    for key in keys:
        if key not in sums.files:
            continue
        try:
            if sum_of(store, key) != sums.files[key]:
                yield Fault(key, "damaged")
        except ObjectMissing:
            yield Fault(key, "missing")


def require_unchanged(
    store: Store, tables: Iterable[str], s3: S3Settings, *, data: bool = True
) -> None:
    """Raise FatalError where a file of a table's latest version is not as it was written.

    Without ``data`` only manifests and lists of deleted rows are looked at: they are small.
    """
    sums = read_sums(store)
    for key in tables:
        table = Table(store.uri, key, s3)
        if not any(name.startswith(f"{key}/") for name in sums.files) or not table.exists():
            continue
        paths = _readable(table, key, store, sums)
        wanted = [path for path in paths if data or not path.startswith(("data/", "_indices/"))]
        for fault in faults(store, sums, sorted(f"{key}/{path}" for path in wanted)):
            raise FatalError(
                f"{store.uri}{fault.key} is {fault.kind}: nothing was read from it; "
                "`headcount verify` says what to do"
            )


def _readable(table: Table, key: str, store: Store, sums: Sums) -> Iterable[str]:
    """Files of the latest version; the manifests, where that is not there or cannot be read."""
    with suppress(FatalError):
        last = table.version
        if last >= sums.versions.get(key, 0):
            return tracked_files(table, last)
    manifests = [name for name in sums.files if name.startswith(f"{key}/_versions/")]
    bad = [fault.key.removeprefix(f"{key}/") for fault in faults(store, sums, manifests)]
    if not bad:
        raise FatalError(f"table {table.uri} is damaged: `headcount verify` says what to do")
    return bad
