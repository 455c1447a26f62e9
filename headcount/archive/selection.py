"""The choice of packs, collections and jobs of an archive by what a caller says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from headcount.archive.columns import JOBS, schema_of
from headcount.assignments import history
from headcount.collections import canonical_collection
from headcount.contract import layout
from headcount.contract.layout import ARCHIVE, PACKS, ROLLBACKS, JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord, PackRecord, RollbackRecord
from headcount.contract.stored.jobs import FinishedRecord, JobSpec
from headcount.errors import FatalError
from headcount.storage import Store

LISTED = 20
"""Names in a message, at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """One collection under one pack: its id and URI, and the job whose decisions are meant."""

    keys: PackKeys
    collection: str
    uri: str
    job_id: str


def select_pack(store: Store, pack: str | None) -> PackRecord:
    """The pack of a name or id, or the one in use. Raises FatalError where it is not there."""
    active = find_record(store, ARCHIVE, ArchiveRecord)
    known = [
        record
        for pack_id in store.folders(PACKS)
        if (record := find_record(store, PackKeys(pack_id).record, PackRecord))
    ]
    wanted = active.model.pack_id if pack is None and active else pack
    for record in known:
        if wanted in (record.pack_id, record.name):
            return record
    if not known or pack is None:
        raise FatalError(_no_results(store))
    names = (f"{record.name} ({record.pack_id})" for record in known)
    raise FatalError(f"{store.uri} has no pack {pack}. It has {_listed(names)}")


def select_parts(
    store: Store, pack_id: str, collections: str | Sequence[str] | None, job: str | None
) -> list[Part]:
    """The parts that are meant, in the order of their URIs.

    Raises FatalError where no job has results yet, and for a collection or job that is not there.
    """
    parts = sorted(_latest_parts(store, PackKeys(pack_id)), key=lambda part: part.uri)
    if not parts:
        raise FatalError(_no_results(store))
    if collections is not None:
        wanted = [collections] if isinstance(collections, str) else collections
        chosen = [_one_of(store, parts, name) for name in wanted]
        parts = [part for part in parts if part in chosen]
    return parts if job is None else [_of_job(store, parts, job)]


def _latest_parts(store: Store, keys: PackKeys) -> Iterator[Part]:
    for collection in history.collections_of(store, keys):
        job_id = history.latest_job(store, keys, collection)
        if job_id is not None:
            spec = find_record(store, JobKeys(job_id).spec, JobSpec)
            yield Part(keys, collection, (spec.photos if spec else None) or collection, job_id)


def _one_of(store: Store, parts: Sequence[Part], name: str) -> Part:
    for part in parts:
        if name in (part.uri, part.collection) or canonical_collection(name) == part.uri:
            return part
    there = _listed(part.uri for part in parts)
    raise FatalError(f"{store.uri} has no results of a collection {name}. It has those of {there}")


def _of_job(store: Store, parts: Sequence[Part], job: str) -> Part:
    there: list[str] = []
    for part in parts:
        jobs = history.job_ids(store, part.keys.assignment_folder(part.collection))
        if job in jobs:
            return Part(part.keys, part.collection, part.uri, job)
        there += jobs
    raise FatalError(
        f"{store.uri} keeps no decisions of a job {job}. It has those of {_listed(there)}"
    )


def jobs_table(store: Store) -> pa.Table:
    """All jobs, the oldest first."""
    undone = {
        job_id
        for info in store.list(ROLLBACKS)
        if (record := find_record(store, info.key, RollbackRecord))
        for job_id in record.undone
    }
    rows = [_job_row(spec, end, undone) for spec, end in _jobs(store)]
    return pa.Table.from_pylist(rows, schema_of(JOBS))


def latest_end(store: Store, since: datetime, out: str | None) -> FinishedRecord | None:
    """The end of the newest job that was done at or after a time, with its results at ``out``."""
    for job_id in reversed([*store.folders(layout.JOBS)]):
        end = find_record(store, JobKeys(job_id).finished, FinishedRecord)
        if end and end.state == "done" and end.finished >= since and out in (None, end.out):
            return end
    return None


def _jobs(store: Store) -> Iterator[tuple[JobSpec, FinishedRecord | None]]:
    for job_id in store.folders(layout.JOBS):
        spec = find_record(store, JobKeys(job_id).spec, JobSpec)
        if spec is not None:
            yield spec, find_record(store, JobKeys(job_id).finished, FinishedRecord)


def _job_row(
    spec: JobSpec, end: FinishedRecord | None, undone: Collection[str]
) -> dict[str, object]:
    state = end.state if end else "open"
    return {
        "job_id": spec.job_id,
        "collection": spec.photos,
        "state": "undone" if state == "done" and spec.job_id in undone else state,
        "created": _utc(spec.created),
        "finished": _utc(end.finished) if end else None,
        "photos": end.photos if end else None,
        "out": spec.out,
    }


def _utc(moment: datetime) -> datetime:
    """A moment as a time without a zone, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _no_results(store: Store) -> str:
    return f"no job of {store.uri} has results yet: `headcount jobs` lists those there are"


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    all_names = [*names]
    more = f" and {len(all_names) - LISTED:,} more" if len(all_names) > LISTED else ""
    return ", ".join(all_names[:LISTED]) + more
