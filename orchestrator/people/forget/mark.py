"""The mark of a `forget`: while it lies in the archive no job writes, and jobs at work are done."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import PurePosixPath

from headcount.contract.forgotten import ForgettingRecord, still_under_way, under_way
from headcount.contract.layout import FORGETTING, ROLLBACK, JobKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import RollbackRecord
from headcount.errors import FatalError
from headcount.jobs import control
from headcount.storage import Store
from orchestrator.archive.catalogue import (
    job_ids,
    refuse_half_commits,
    require_jobs_ended,
    unfinished_jobs,
)

LEAVING_SECONDS = 10.0
"""Time for workers to leave their units of a job that was just stopped."""


def set_mark(store: Store, person: str) -> None:
    """Mark a person as being forgotten. Raises FatalError where another person is."""
    mark = ForgettingRecord(person_id=person, at=now())
    if store.put_new(FORGETTING, mark.to_bytes()):
        return
    other = under_way(store)
    if other is not None and other.person_id != person:
        raise FatalError(still_under_way(other))
    store.put(FORGETTING, mark.to_bytes())


def refuse_waiting_jobs(store: Store, person: str) -> None:
    """Raise FatalError where jobs wait for a `forget` that died before it wrote a tombstone."""
    mark = under_way(store)
    if mark is not None and mark.person_id != person:
        raise FatalError(still_under_way(mark))
    if mark is not None and (jobs := unfinished_jobs(store)):
        raise FatalError(
            f"job {jobs[0]} waits for a `forget` that was interrupted as it began: "
            f"`headcount cancel {jobs[0]}` first, and `headcount resume {jobs[0]}` afterwards"
        )


def require_nothing_at_work(store: Store) -> None:
    """Raise FatalError where a job, a commit or a rollback is not finished."""
    require_jobs_ended(store, purpose="first")
    if rollback := find_record(store, ROLLBACK, RollbackRecord):
        raise FatalError(
            f"a rollback was interrupted: `headcount rollback {rollback.job_id}` ends it"
        )
    refuse_half_commits(store)


def let_workers_leave(store: Store) -> None:
    """Wait, up to ``LEAVING_SECONDS``, while workers have units of jobs that were just stopped.

    A worker that is later than that does no harm: it looks at the mark and the tombstones before
    each write.
    """
    patience = time.monotonic() + LEAVING_SECONDS
    since = now() - timedelta(seconds=LEAVING_SECONDS)
    lately = [
        JobKeys(job_id)
        for job_id in job_ids(store)
        if (flag := control.stopped(store, job_id)) is not None and flag.since > since
    ]
    while time.monotonic() < patience and any(_in_hand(store, keys) for keys in lately):
        time.sleep(0.25)


def _in_hand(store: Store, keys: JobKeys) -> bool:
    """Whether a unit of a job was begun and has not ended."""
    begun = {PurePosixPath(info.key).parent.name for info in store.list(keys.attempts_folder)}
    ended = {
        PurePosixPath(info.key).stem
        for folder in (keys.done_folder, keys.failed_folder)
        for info in store.list(folder)
    }
    return bool(begun - ended)
