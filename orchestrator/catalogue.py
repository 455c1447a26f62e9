"""Which jobs an archive holds, and which of them are to be driven, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from headcount.control import stopped
from headcount.errors import FatalError
from headcount.forgotten import require_none_under_way
from headcount.layout import COMMITS, JOBS, ROLLBACKS, JobKeys
from headcount.messages import (
    FinishedRecord,
    JobSpec,
    LastCommitRecord,
    RollbackRecord,
    find_record,
)
from headcount.storage import Store

AFTER_SLASH = "0"
"""The character that follows the slash: all keys of one folder come before folder + this."""
RANKS = {"high": 0, "normal": 1, "low": 2}


def job_ids(store: Store) -> Iterator[str]:
    """The ids of all jobs, oldest first; of a job's many objects only the first is looked at."""
    after = JOBS
    while (first := next(iter(store.list(JOBS, start_after=after)), None)) is not None:
        job_id = first.key.removeprefix(JOBS).split("/")[0]
        yield job_id
        after = f"{JOBS}{job_id}{AFTER_SLASH}"


def rollbacks(store: Store) -> Iterator[RollbackRecord]:
    """The rollbacks that were made, oldest first."""
    for info in store.list(ROLLBACKS):
        if record := find_record(store, info.key, RollbackRecord):
            yield record


def undone_jobs(store: Store) -> set[str]:
    """The ids of the jobs that rollbacks have undone."""
    return {job_id for record in rollbacks(store) for job_id in record.undone}


def rollback_since(store: Store, spec: JobSpec) -> RollbackRecord | None:
    """A rollback that was made since a job was begun; None where there is none."""
    return next((record for record in rollbacks(store) if record.at > spec.created), None)


def unfinished_jobs(store: Store) -> list[str]:
    """The ids of jobs that were submitted, have no end and are not paused, oldest first."""
    return [spec.job_id for spec in _open_specs(store)]


def require_idle(store: Store, *, purpose: str) -> None:
    """Raise FatalError where a job is not finished; ``purpose`` ends the sentence.

    Raises TransientError where a person is being forgotten.
    """
    require_none_under_way(store)
    require_jobs_ended(store, purpose=purpose)


def require_jobs_ended(store: Store, *, purpose: str) -> None:
    """Raise FatalError where a job is not finished, whoever is being forgotten meanwhile."""
    if jobs := unfinished_jobs(store):
        raise FatalError(f"job {jobs[0]} is not finished: wait for it, or cancel it, {purpose}")


def refuse_half_commits(store: Store) -> None:
    """Raise FatalError where a job was interrupted while it was committed, and has not gone on."""
    for info in store.list(COMMITS):
        last = find_record(store, info.key, LastCommitRecord)
        if last is not None and not last.made:
            raise FatalError(
                f"job {last.job_id} was interrupted while it was committed: "
                f"`headcount resume {last.job_id}` first"
            )


def next_jobs(store: Store) -> list[str]:
    """The jobs to drive side by side: of each collection the one whose turn it is.

    The more urgent come first, among these the older.
    """
    chosen: dict[str, str] = {}
    for spec in sorted(_open_specs(store), key=lambda spec: (RANKS[spec.priority], spec.job_id)):
        chosen.setdefault(spec.photos or spec.job_id, spec.job_id)
    return list(chosen.values())


def _open_specs(store: Store) -> Iterator[JobSpec]:
    for job_id in job_ids(store):
        keys = JobKeys(job_id)
        ended = find_record(store, keys.finished, FinishedRecord) or stopped(store, job_id)
        spec = None if ended else find_record(store, keys.spec, JobSpec)
        if spec is not None:
            yield spec
