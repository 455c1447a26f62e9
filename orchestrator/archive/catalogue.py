"""Jobs of an archive: all, committed, undone or unfinished, and the queue of those to drive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from headcount.contract.forgotten import require_none_under_way
from headcount.contract.layout import COMMITS, JOBS, PRUNING, ROLLBACKS, JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import (
    CommitRecord,
    LastCommitRecord,
    PruningRecord,
    RollbackRecord,
)
from headcount.contract.stored.jobs import FinishedRecord, JobSpec
from headcount.errors import FatalError, TransientError
from headcount.jobs.control import stopped
from headcount.storage import Store

RANKS = {"high": 0, "normal": 1, "low": 2}
"""Order of jobs by priority."""


def job_ids(store: Store) -> list[str]:
    """Ids of all jobs, oldest first."""
    return list(store.folders(JOBS))


def committed_jobs(store: Store, pack_id: str) -> list[str]:
    """Ids of the jobs for which a version of the pack's tables was kept."""
    records = {id_: find_record(store, JobKeys(id_).commit, CommitRecord) for id_ in job_ids(store)}
    return [id_ for id_, record in records.items() if record and record.pack_id == pack_id]


def rollbacks(store: Store) -> Iterator[RollbackRecord]:
    """Yield the rollbacks that were completed, oldest first."""
    for info in store.list(ROLLBACKS):
        if record := find_record(store, info.key, RollbackRecord):
            yield record


def undone_jobs(store: Store) -> set[str]:
    """Ids of the jobs that rollbacks have undone."""
    return {job_id for record in rollbacks(store) for job_id in record.undone}


def rollback_since(store: Store, spec: JobSpec) -> RollbackRecord | None:
    """The first rollback since the job was created; None where there is none."""
    return next((record for record in rollbacks(store) if record.at > spec.created), None)


def unfinished_jobs(store: Store) -> list[str]:
    """Ids of the jobs that are neither ended nor paused, oldest first."""
    return [spec.job_id for spec in _open_specs(store, set())]


def require_idle(store: Store, *, purpose: str) -> None:
    """Raise FatalError where a job is not finished; ``purpose`` ends the sentence.

    Raises TransientError where a person is being forgotten.
    """
    require_none_under_way(store)
    require_jobs_ended(store, purpose=purpose)


def require_jobs_ended(store: Store, *, purpose: str) -> None:
    """Raise FatalError where a job is not finished, even while a person is being forgotten.

    Raises TransientError where the archive is being pruned.
    """
    if find_record(store, PRUNING, PruningRecord):
        raise TransientError(
            "the archive is being pruned: repeat this in a minute; where a prune was killed, "
            "`headcount prune` ends it"
        )
    if jobs := unfinished_jobs(store):
        raise FatalError(f"job {jobs[0]} is not finished: wait for it, or cancel it, {purpose}")


def refuse_half_commits(store: Store) -> None:
    """Raise FatalError where a commit was interrupted and its job has not been resumed."""
    for info in store.list(COMMITS):
        last = find_record(store, info.key, LastCommitRecord)
        if last is not None and not last.made:
            raise FatalError(
                f"job {last.job_id} was interrupted while it was committed: "
                f"`headcount resume {last.job_id}` first"
            )


class JobQueue:
    """Queue of the jobs to drive. The end of a job that is done is read once and remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done: set[str] = set()
        self._failed: dict[str, datetime] = {}

    @property
    def last_failed(self) -> datetime | None:
        """The end of the job that failed last, as of the last look; None where none has."""
        return max(self._failed.values(), default=None)

    def next_jobs(self) -> list[str]:
        """Ids of the jobs to drive now: the first in turn of each collection.

        The more urgent come first, then the older.
        """
        chosen: dict[str, str] = {}
        failed: dict[str, datetime] = {}
        specs = list(_open_specs(self._store, self._done, failed))
        self._failed = failed
        for spec in sorted(specs, key=lambda spec: (RANKS[spec.priority], spec.job_id)):
            chosen.setdefault(spec.photos or spec.job_id, spec.job_id)
        return list(chosen.values())


def _open_specs(
    store: Store, done: set[str], failed: dict[str, datetime] | None = None
) -> Iterator[JobSpec]:
    """Yield the specs of open jobs, oldest first; skip ``done``, and add finished ids to it.

    Those that failed and their ends are added to ``failed``.
    """
    for job_id in job_ids(store):
        if job_id in done:
            continue
        keys = JobKeys(job_id)
        finished = find_record(store, keys.finished, FinishedRecord)
        if finished is not None and finished.state == "done":
            done.add(job_id)  # for good: only what failed or was cancelled is resumed
        if finished is not None and finished.state == "failed" and failed is not None:
            failed[job_id] = finished.finished
        ended = finished or stopped(store, job_id)
        spec = None if ended else find_record(store, keys.spec, JobSpec)
        if spec is not None:
            yield spec
