"""Verification: every file that an archive's committed state refers to, against its SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from headcount import audit
from headcount.assignments import history
from headcount.assignments.sealed import is_right
from headcount.collections.index import read_index
from headcount.contract.layout import (
    AUDIT,
    JOBS,
    LEASES,
    PACKS,
    SUMS,
    JobKeys,
    PackKeys,
    index_folder,
    shard_name,
)
from headcount.contract.record import find_record, read_record, split_sum
from headcount.contract.stored.archive import SumsRecord
from headcount.contract.stored.jobs import FinishedRecord, PlanRecord
from headcount.errors import FatalError, ObjectMissing
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.sums import Fault, Sums, faults, tables_of_pack
from headcount.tables.table import Table
from headcount.tables.versions import tracked_files
from orchestrator.archive.catalogue import job_ids
from orchestrator.archive.remedies import remedy_of

HINT = "_versions/latest_version_hint.json"
"""Where Lance notes the latest version; it looks for itself, whatever is noted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is not as it was written, and what to do."""

    key: str
    kind: str
    remedy: str


@dataclass(slots=True)
class Verified:
    """The outcome: files looked at, those of them that have no sum, and what is wrong."""

    checked: int = 0
    unknown: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(store: Store, s3: S3Settings) -> tuple[Verified, list[Finding]]:
    """Check every file; those that have changed or are missing, with what to do about each.

    Results are left out: they are yours to change.
    """
    found, sums = Verified(), _sums(store)
    for pack in store.folders(PACKS):
        for key in tables_of_pack(PackKeys(pack)):
            _verify_table(store, key, sums, s3, found)
    for info in store.list():
        if (right := _check(store, info.key)) != "none":
            found.checked += 1
            found.unknown += right is None
            if right is False:
                found.faults.append(Fault(info.key, "damaged"))
    found.faults += _missing_records(store)
    found.faults += (Fault(key, "damaged") for key in audit.breaks(store))
    faulty = {fault.key for fault in found.faults}
    findings = [
        Finding(fault.key, fault.kind, remedy_of(store, fault.key, faulty, s3))
        for fault in sorted(set(found.faults), key=lambda fault: fault.key)
    ]
    return found, findings


def _sums(store: Store) -> Sums:
    """All sums of records that are whole; the others are found later."""
    sums = Sums()
    for info in store.list(SUMS):
        try:
            record = read_record(store, info.key, SumsRecord)
        except (FatalError, ObjectMissing):
            continue
        sums.files.update(record.files)
        for key, version in record.versions.items():
            sums.versions[key] = max(version, sums.versions.get(key, 0))
    return sums


def _verify_table(store: Store, key: str, sums: Sums, s3: S3Settings, found: Verified) -> None:
    """Check a table: files with a sum that are there, and those that its versions refer to."""
    there = {info.key for info in store.list(f"{key}/")}
    known = {name for name in sums.files if name.startswith(f"{key}/")}
    if not there | known:
        return
    table = Table(store.uri, key, s3)
    tracked, last = set[str](), 0
    try:
        tracked = {f"{key}/{path}" for path in tracked_files(table)}
        last = table.version
    except FatalError:
        pass  # a manifest cannot be read: the sums say which
    lost = known - there if last < sums.versions.get(key, 0) else (known & tracked) - there
    if last < sums.versions.get(key, 0):
        lost = {name for name in lost if "/_versions/" in name}
    wrong = list(faults(store, sums, sorted(known & there)))
    found.faults += wrong + [Fault(name, "missing") for name in sorted(lost | (tracked - there))]
    if not tracked and not wrong and not lost:
        found.faults.append(Fault(f"{key}/_versions/", "damaged"))
    found.checked += len((tracked | known) & there)
    found.unknown += len((tracked & there) - known)
    if f"{key}/{HINT}" in there and not _is_hint(store, f"{key}/{HINT}", last):
        found.faults.append(Fault(f"{key}/{HINT}", "damaged"))


def _is_hint(store: Store, key: str, last: int) -> bool:
    try:
        return bool(json.loads(store.get(key).data) == {"version": last})
    except ValueError:
        return False


def _check(store: Store, key: str) -> bool | str | None:
    """Whether a file has the bytes that were written: None where it has no sum of its own.

    "none" for files that are no part of what was committed.
    """
    if key.startswith((AUDIT, LEASES, "nights/")) or ".lance/" in key:
        return "none"
    if key.startswith(JOBS) and key.split("/")[2] in ("results", "reduce"):
        return "none"
    try:
        if key.startswith(index_folder("")[:-1]):
            return _check_index(store, key)
        if key.endswith(".parquet"):
            return is_right(store.get(key).data)
        return is_record(store.get(key).data) if key.endswith(".json") else "none"
    except ObjectMissing:
        return "none"  # removed just now


def is_record(data: bytes) -> bool | None:
    """Whether a record is as it was written; None for one of an earlier build, without a sum."""
    right = split_sum(data)[1]
    if right is not None:
        return right
    try:
        found = json.loads(data)
    except ValueError:
        return False
    old = isinstance(found, dict) and next(iter(found), "") in ("version", "person_id")
    return None if old else False


def _check_index(store: Store, key: str) -> bool | None:
    folder, _, name = key.rpartition("/")
    try:
        record = read_index(store.get(f"{folder}/index.json").data)
    except (ObjectMissing, ValidationError):
        return False if name == "index.json" else None
    if name == "index.json":
        return split_sum(store.get(key).data)[1]
    if not record.sums:
        return None
    return hashlib.sha256(store.get(key).data).hexdigest() in record.sums


def _missing_records(store: Store) -> Iterator[Fault]:
    """Yield manifests of ended jobs that are gone, and assignments that other jobs' notes name."""
    for job_id in job_ids(store):
        keys = JobKeys(job_id)
        try:
            plan = find_record(store, keys.plan, PlanRecord)
            done = find_record(store, keys.finished, FinishedRecord)
        except FatalError:
            continue
        if plan is None or done is None or done.state != "done":
            continue
        there = {info.key for info in store.list(f"{keys.root}shards/")}
        for key in (keys.shard(shard_name(number)) for number in range(plan.shards)):
            if key not in there:
                yield Fault(key, "missing")
    for pack in store.folders(PACKS):
        of = PackKeys(pack)
        for collection in history.collections_of(store, of):
            yield from _missing_tables(store, of, collection)


def _missing_tables(store: Store, keys: PackKeys, collection: str) -> Iterator[Fault]:
    there = {info.key for info in store.list(keys.assignment_folder(collection))}
    for key in sorted(there):
        job_id = key.rpartition("/")[2].removesuffix(".parquet")
        try:
            holder = history.holder_of(store, keys, collection, job_id)
        except FatalError:
            continue
        if keys.assignments(collection, holder) not in there:
            yield Fault(keys.assignments(collection, holder), "missing")
