"""Pausing, cancelling and resuming a job: a flag in the archive that every process reads.

The flag outlives every process and the broker: a supervisor sends nothing more, and a worker
leaves the shard that it has in hand, for as long as the flag is there.
"""

from __future__ import annotations

from typing import Literal

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.jobs import ControlRecord, FinishedRecord, JobSpec
from headcount.errors import FatalError, HeadcountError
from headcount.storage.base import Store

CHECK_SECONDS = 2.0
"""Seconds between two looks at the flag: new work stops within 5 seconds of it."""


class JobStopped(HeadcountError):
    """A person paused or cancelled the job; it can be resumed."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id} is {state}: `headcount resume {job_id}` goes on with it")
        self.state = state


def stopped(store: Store, job_id: str) -> ControlRecord | None:
    """The flag, where the job is to stand still."""
    return find_record(store, JobKeys(job_id).control, ControlRecord)


def raise_if_stopped(store: Store, job_id: str) -> None:
    """Raise JobStopped where the job is to stand still."""
    flag = stopped(store, job_id)
    if flag is not None:
        raise JobStopped(job_id, flag.state)


def stop(store: Store, job_id: str, state: Literal["paused", "cancelled"]) -> None:
    """Pause or cancel the job. Raises FatalError where it has ended.

    A cancelled job has an end, so that those who wait for one go on; resuming takes it back.
    """
    keys = JobKeys(job_id)
    ended = find_record(store, keys.finished, FinishedRecord)
    if ended is not None:
        raise FatalError(f"job {job_id} has ended already: {ended.state}")
    flag = ControlRecord(state=state, since=now())
    store.put(keys.control, flag.to_bytes())
    if state == "cancelled":
        end_cancelled(store, job_id)


def end_cancelled(store: Store, job_id: str) -> None:
    """Write the end of a cancelled job, unless it has one."""
    keys = JobKeys(job_id)
    record = FinishedRecord(
        job_id=job_id,
        state="cancelled",
        finished=now(),
        message="cancelled; what was done is kept, and `headcount resume` goes on from there",
        out=read_record(store, keys.spec, JobSpec).out,
    )
    store.put_new(keys.finished, record.to_bytes())


def let_go_on(store: Store, job_id: str) -> None:
    """Take the flag away, and the end of a job that was cancelled or failed."""
    keys = JobKeys(job_id)
    ended = find_record(store, keys.finished, FinishedRecord)
    if ended is not None and ended.state != "done":
        store.delete(keys.finished)
    store.delete(keys.control)
