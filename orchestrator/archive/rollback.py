"""Rollback: restore the archive as it was after an earlier job.

A record of the rollback is written first and removed last. If a rollback is interrupted, running it
again completes it; no job is committed before that.
"""

from __future__ import annotations

from headcount import audit
from headcount.answers.kept import read_objects, replace_object
from headcount.answers.record import with_faces
from headcount.assignments import history
from headcount.assignments.moment import cluster_faces
from headcount.contract.layout import COMMITS, ROLLBACK, ROLLBACKS, JobKeys, PackKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import CommitRecord, LastCommitRecord, RollbackRecord
from headcount.errors import FatalError, HeadcountError, TransientError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.sums import record_sums
from headcount.tables.table import Table
from orchestrator.archive.catalogue import committed_jobs, require_idle, undone_jobs


def roll_back(store: Store, job_id: str, s3: S3Settings) -> list[str]:
    """Restore the tables as they were after ``job_id``; return the ids of the undone jobs.

    Raises FatalError where that version is gone or a job is not finished. Repeating it changes
    nothing.
    """
    begun = find_record(store, ROLLBACK, RollbackRecord)
    if begun is not None and begun.job_id != job_id:
        raise FatalError(
            f"a rollback to job {begun.job_id} was interrupted: "
            f"`headcount rollback {begun.job_id}` ends it"
        )
    versions = _versions(store, job_id, s3)
    if begun is None:
        require_idle(store, purpose="before a rollback")
        undone = _committed_after(store, job_id, versions.pack_id)
        begun = RollbackRecord(job_id=job_id, at=now(), undone=undone)
        audit.record(store, "rollback", job_id)
        store.put(ROLLBACK, begun.to_bytes())
        try:
            _require_nothing_since(store, begun, versions.pack_id)
        except HeadcountError:
            store.delete(ROLLBACK)
            raise
    keys = PackKeys(versions.pack_id)
    # Photos first: every photo that the table then has, has its faces too, even if this is cut off.
    for key, version in (
        (keys.photos, versions.photos),
        (keys.faces, versions.faces),
        (keys.gallery, versions.gallery),
    ):
        Table(store.uri, key, s3).restore(version)
    _remove(store, keys, begun)
    record_sums(store, keys, s3)
    store.put(f"{ROLLBACKS}{begun.at:%Y%m%d-%H%M%S.%f}.json", begun.to_bytes())
    store.delete(ROLLBACK)
    return list(begun.undone)


def _require_nothing_since(store: Store, begun: RollbackRecord, pack_id: str) -> None:
    """Check again now that the rollback's record is written: a job that begins sees it, or is seen.

    Raises FatalError where a job is not finished, TransientError where one was committed since or
    a person is being forgotten.
    """
    require_idle(store, purpose="before a rollback")
    if _committed_after(store, begun.job_id, pack_id) != begun.undone:
        raise TransientError("a job was committed just now: repeat the rollback")


def _versions(store: Store, job_id: str, s3: S3Settings) -> CommitRecord:
    record = find_record(store, JobKeys(job_id).commit, CommitRecord)
    if record is None and job_id in undone_jobs(store):
        raise FatalError(f"job {job_id} was undone by a rollback: its faces are not kept")
    if record is None:
        raise FatalError(
            f"no version of the archive was kept for job {job_id}: it took in no photos, its pack "
            "was dropped, or a `prune` or `forget` since has removed it"
        )
    keys = PackKeys(record.pack_id)
    for key, version in (
        (keys.photos, record.photos),
        (keys.faces, record.faces),
        (keys.gallery, record.gallery),
    ):
        if not Table(store.uri, key, s3).has(version):
            raise FatalError(f"version {version} of {key} is not there any more")
    return record


def _committed_after(store: Store, job_id: str, pack_id: str) -> tuple[str, ...]:
    order = history.by_commit(store, committed_jobs(store, pack_id))
    return tuple(order[order.index(job_id) + 1 :])


def _write_out(store: Store, keys: PackKeys, jobs: set[str]) -> None:
    """Mark by id the faces of the answers that mean them by a cluster of one of these ``jobs``.

    Their assignments are about to go. Doing it again changes nothing.
    """
    for key, answers in read_objects(store):
        moments = [one.moment if one.job_id in jobs else None for one in answers]
        faces = cluster_faces(store, keys, moments)
        more = tuple(with_faces(one, ids) for one, ids in zip(answers, faces, strict=True))
        if more != answers:
            replace_object(store, key, more)


def _remove(store: Store, keys: PackKeys, begun: RollbackRecord) -> None:
    """Delete what the undone jobs said, and their commits: the next job ignores them."""
    _write_out(store, keys, set(begun.undone))
    for collection in history.collections_of(store, keys):
        for later in begun.undone:
            store.delete(keys.assignments(collection, later))
            store.delete(keys.expectations(collection, later))
            store.delete(keys.lineage(collection, later))
    for info in list(store.list(COMMITS)):  # also of collections without assignments
        last = find_record(store, info.key, LastCommitRecord)
        if last is not None and (not last.made or last.job_id in begun.undone):
            store.delete(info.key)  # nobody is to complete a commit that is undone
    for later in begun.undone:
        store.delete(JobKeys(later).commit)
