"""The budget of a job: the time and the hours of workers after which it begins no more shards.

So that a job ends by its time, its last shards, its commit and its reduce stage have to fit in
before: what the last two took in the collection's last job is held back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from headcount.contract.layout import REDUCE, SPLIT, JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec
from headcount.storage import Store
from orchestrator.jobs.plan import last_commit

MOST_HELD_BACK = 0.5
"""Share of a job's time that is held back at most: a night that is too short for its end takes
longer, rather than embedding nothing, tonight and every night."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one job; None where there is none of a kind."""

    spec: JobSpec
    stops: datetime | None
    """The moment by which the last shard is to be done: ``ends`` less what is held back."""

    def spent(self, moment: datetime, worker_seconds: float, shard_seconds: float) -> str | None:
        """The reason to begin no more shards; None while there is budget left.

        Workers have spent ``worker_seconds`` on the job's shards so far; one that is begun now
        takes about ``shard_seconds``.
        """
        if self.stops and moment + timedelta(seconds=shard_seconds) >= self.stops:
            return f"--until {self.spec.until} is reached"
        hours = self.spec.worker_hours
        if hours is not None and worker_seconds >= hours * 3600:
            return f"--worker-hours {hours:g} are spent"
        return None


def budget_of(store: Store, spec: JobSpec) -> Budget | None:
    """The job's budget; None where it has none."""
    if spec.ends is None:
        return Budget(spec, None) if spec.worker_hours is not None else None
    time = (spec.ends - spec.created).total_seconds()
    held_back = min(closing_seconds(store, spec), max(0.0, time) * MOST_HELD_BACK)
    return Budget(spec, spec.ends - timedelta(seconds=held_back))


def closing_seconds(store: Store, spec: JobSpec) -> float:
    """Seconds that commit and reduce stage took in the collection's last job; 0 before a first.

    Tasks of the reduce stage that ran side by side count as long as the stage took; a stage that
    was interrupted counts as long as its tasks took.
    """
    last = last_commit(store, spec)
    if not last:
        return 0.0
    keys = JobKeys(last)
    reduced = sum(marker.seconds for marker in _reduced(store, keys))
    commit = find_record(store, keys.commit, CommitRecord)
    if commit is None:
        return reduced
    finished = find_record(store, keys.finished, FinishedRecord)
    if finished is not None and finished.state == "done":
        reduced = min(reduced, (finished.finished - commit.at).total_seconds())
    return commit.seconds + max(0.0, reduced)


def _reduced(store: Store, keys: JobKeys) -> Iterator[DoneMarker]:
    """Yield the done markers of a job's reduce stage."""
    for stage in (SPLIT, "match-", "join-", REDUCE):
        for info in store.list(f"{keys.done_folder}{stage}"):
            if marker := find_record(store, info.key, DoneMarker):
                yield marker
