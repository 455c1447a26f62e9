"""Assignments of every face, kept in the archive: one table per job, and the lineage of clusters.

Each table is written under its own job and compared with that of the job before it. A job that is
killed and begun again compares with the same table, and comes to the same differences. A job whose
assignments are those of the job before keeps a note of that in place of a second copy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments.sealed import read_sealed, sealed_bytes
from headcount.contract import results
from headcount.contract.layout import JobKeys, PackKeys, commit_key
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord, LastCommitRecord
from headcount.errors import FatalError, ObjectMissing
from headcount.storage import Store

ASSIGNMENTS = pa.schema(
    [
        (name, pa.string())
        for name in ("photo", "face_id", "decision", "person_id", "person", "cluster_id")
    ]
)

KEPT = 30
"""Tables of one collection that are kept; older ones go as new ones come."""

SAME_AS = pa.schema([("same_as", pa.string())])
"""The note of a job whose assignments are another job's: its one value is that job."""
EARLIER = "0-earlier"
"""In place of a job: the lineage of all jobs that were pruned; it sorts before them all."""
NOTE_BYTES = 4096
"""More than a note has: a larger file is a table."""


def face_keys(faces: pa.Table) -> pa.Array:
    """One text per row that identifies its face within a collection: photo and face id."""
    keys = pc.binary_join_element_wise(faces["photo"], faces["face_id"], "\0")
    return keys.combine_chunks()


def read_table(store: Store, key: str, schema: pa.Schema) -> pa.Table:
    """A small table; empty where there is none. Raises FatalError where its bytes have changed."""
    try:
        return _fetch(store, key).cast(schema)
    except ObjectMissing:
        return schema.empty_table()


def _fetch(store: Store, key: str) -> pa.Table:
    try:
        return read_sealed(store.get(key).data)
    except ValueError as error:
        raise FatalError(
            f"{store.uri}{key} is damaged ({error}): `headcount verify` says what to do"
        ) from error


def write_table(store: Store, key: str, table: pa.Table) -> None:
    """Write a small table; equal tables give equal bytes."""
    store.put(key, sealed_bytes(table))


def job_ids(store: Store, folder: str) -> list[str]:
    """The jobs that left assignments, or a lineage, in a folder; in the order of their commits.

    That is not the order of their ids: a job that was paused, or that others went before, is
    committed later than some that were begun after it.
    """
    return by_commit(store, (PurePosixPath(info.key).stem for info in store.list(folder)))


def by_commit(store: Store, ids: Iterable[str]) -> list[str]:
    """Jobs of one pack in the order in which they were committed, by the versions they left.

    Those whose versions were not kept come first; jobs that changed no table go by the clock.
    """
    first = datetime.min.replace(tzinfo=UTC)

    def place(job_id: str) -> tuple[int, int, datetime, str]:
        record = find_record(store, JobKeys(job_id).commit, CommitRecord)
        if record is None:
            return 0, 0, first, job_id
        return record.photos, record.faces, record.at, job_id

    return sorted(ids, key=place)


def latest_job(store: Store, keys: PackKeys, collection: str, *, before: str = "") -> str | None:
    """The last job that left assignments of a collection; with ``before``, the last one earlier."""
    ids = job_ids(store, keys.assignment_folder(collection))
    if before:
        earlier = by_commit(store, {*ids, before})
        ids = earlier[: earlier.index(before)]
    else:
        last = find_record(store, commit_key(collection), LastCommitRecord)
        if last is not None and last.made and last.job_id in ids:
            return last.job_id  # also where a `forget` has removed the versions
    return ids[-1] if ids else None


def read_assignments(store: Store, keys: PackKeys, collection: str, job_id: str | None) -> pa.Table:
    """The assignments of a job; empty where there are none."""
    if job_id is None:
        return ASSIGNMENTS.empty_table()
    holder = holder_of(store, keys, collection, job_id)
    try:
        return _fetch(store, keys.assignments(collection, holder)).cast(ASSIGNMENTS)
    except ObjectMissing:
        if holder == job_id:
            return ASSIGNMENTS.empty_table()
    raise FatalError(
        f"{store.uri}{keys.assignments(collection, holder)} is missing, and job {job_id} had the "
        "same assignments: `headcount verify` says what to do"
    )


def holder_of(store: Store, keys: PackKeys, collection: str, job_id: str) -> str:
    """The job whose table has a job's assignments: itself, or the one that its note names."""
    key = keys.assignments(collection, job_id)
    try:
        small = store.stat(key).size <= NOTE_BYTES
        table = _fetch(store, key) if small else None
    except ObjectMissing:
        return job_id
    if table is None or table.schema.names != SAME_AS.names:
        return job_id
    return str(table["same_as"][0].as_py())


def write_assignments(
    store: Store,
    keys: PackKeys,
    collection: str,
    job_id: str,
    assignments: pa.Table,
    *,
    before: str | None = None,
    needed: Collection[str] = (),
    keep: int | None = KEPT,
) -> None:
    """Keep the assignments of a job; the oldest of more than ``keep`` go, but those needed.

    ``before`` is the job that they are compared with: equal ones are kept once. Needed are those
    of the jobs ``needed``, since they say which faces an answer means.
    """
    assignments = assignments.select(ASSIGNMENTS.names).cast(ASSIGNMENTS)
    if before is not None and read_assignments(store, keys, collection, before) == assignments:
        holder = holder_of(store, keys, collection, before)
        assignments = pa.table({"same_as": [holder]}, schema=SAME_AS)
    write_table(store, keys.assignments(collection, job_id), assignments)
    if keep is not None:
        ids = job_ids(store, keys.assignment_folder(collection))
        remove_assignments(store, keys, collection, {*ids[:-keep]} - {*needed})


def remove_assignments(
    store: Store, keys: PackKeys, collection: str, gone: Collection[str]
) -> list[str]:
    """Delete the assignments of jobs, but tables that other jobs' notes name; the jobs' ids."""
    there = set(job_ids(store, keys.assignment_folder(collection))) if gone else set()
    stay = there - set(gone)
    held = {holder_of(store, keys, collection, job_id) for job_id in stay}
    removed = sorted(there & set(gone) - held)
    for job_id in removed:
        store.delete(keys.assignments(collection, job_id))
    return removed


def collections_of(store: Store, keys: PackKeys) -> list[str]:
    """The collections that have assignments under a pack."""
    parts = (PurePosixPath(info.key).parts for info in store.list(f"{keys.root}rolls/"))
    return sorted({part[3] for part in parts if len(part) > 3})


def read_lineage(store: Store, keys: PackKeys, collection: str) -> pa.Table:
    """Every change of a collection's clusters that was kept, oldest first."""
    folder = keys.lineages(collection)
    tables = [
        read_table(store, keys.lineage(collection, job_id), results.LINEAGE)
        for job_id in job_ids(store, folder)
    ]
    return pa.concat_tables(tables) if tables else results.LINEAGE.empty_table()


def fold_lineage(store: Store, keys: PackKeys, collection: str, gone: Collection[str]) -> None:
    """Put what these jobs did to clusters that people may know into one table, for good.

    These are the clusters that were absorbed or split. The jobs' own tables then go. Doing it
    again, also after it was cut off, changes nothing.
    """
    old = sorted({*gone} - {EARLIER})
    if not old:
        return
    folded = read_table(store, keys.lineage(collection, EARLIER), results.LINEAGE)
    known = set(folded["job_id"].to_pylist())
    parts = [folded]
    for job_id in old:
        table = read_table(store, keys.lineage(collection, job_id), results.LINEAGE)
        if job_id not in known:
            parts.append(table.filter(pc.is_in(table["change"], pa.array(["absorbed", "split"]))))
    write_table(store, keys.lineage(collection, EARLIER), pa.concat_tables(parts))
    for job_id in old:
        store.delete(keys.lineage(collection, job_id))


def heir(cluster_id: str, alive: set[str], lineage: pa.Table) -> str | None:
    """The cluster that carries on an old id: itself, or whoever absorbed it; None if lost."""
    heirs = {
        row["earlier_id"]: row["cluster_id"]
        for row in lineage.to_pylist()
        if row["change"] == "absorbed"
    }
    seen: set[str] = set()
    while cluster_id not in alive:
        if cluster_id in seen or cluster_id not in heirs:
            return None
        seen.add(cluster_id)
        cluster_id = heirs[cluster_id]
    return cluster_id
