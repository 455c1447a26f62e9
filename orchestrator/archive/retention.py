"""Retention: the jobs of an archive that are outside what an operator wants to keep, as values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headcount.contract.layout import PREPARE, SCHEDULES, JobKeys, ScheduleKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec, ScheduledRunRecord
from headcount.storage import Store
from orchestrator.archive.catalogue import job_ids, undone_jobs

RESUMABLE_DAYS = 7.0
"""Time in which what a failed or cancelled job staged is kept for `resume`: Lance's own."""


@dataclass(frozen=True, slots=True)
class Retention:
    """The last ``jobs`` of each collection and pack, and those of the last ``days``, stay.

    Where both are said, a job stays that either keeps. Where neither is, all stay.
    """

    jobs: int | None = None
    days: float | None = None

    @property
    def is_set(self) -> bool:
        """Whether anything is ever removed."""
        return self.jobs is not None or self.days is not None

    def cutoff(self, ends: Sequence[datetime], moment: datetime) -> datetime | None:
        """The time before which jobs go; None where none does. ``ends`` come newest first.

        The newest job always stays.
        """
        if not ends or not self.is_set:
            return None
        limits = [ends[0]]
        if self.jobs is not None:
            if len(ends) < self.jobs:
                return None
            limits.append(ends[self.jobs - 1])
        if self.days is not None:
            limits.append(moment - timedelta(days=self.days))
        return min(limits)


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The records of a job that say whether it stays. A job without a spec was half removed.

    ``pack`` is empty where none was recorded, or that record is gone.
    """

    job_id: str
    spec: JobSpec | None
    finished: FinishedRecord | None
    commit: CommitRecord | None
    pack: str
    undone: bool

    @classmethod
    def read(cls, store: Store, job_id: str, undone: bool) -> JobFacts:
        """Read the job's records."""
        keys = JobKeys(job_id)
        spec = find_record(store, keys.spec, JobSpec)
        commit = find_record(store, keys.commit, CommitRecord)
        prepared = None if commit else find_record(store, keys.done(PREPARE), DoneMarker)
        pack = commit.pack_id if commit else ""
        if prepared is not None and prepared.pack is not None:
            pack = prepared.pack.pack_id
        finished = find_record(store, keys.finished, FinishedRecord)
        return cls(job_id, spec, finished, commit, pack, undone)

    @property
    def is_whole(self) -> bool:
        """Whether it was about all photos of its collection."""
        return self.spec is not None and self.spec.first is None

    @property
    def is_done(self) -> bool:
        """Whether it ended well, and no rollback has undone it."""
        return self.finished is not None and self.finished.state == "done" and not self.undone

    def may_go_on(self, moment: datetime) -> bool:
        """Whether it is at work or paused, or failed or was cancelled lately."""
        if self.finished is None:
            return self.spec is not None
        ended_badly = self.finished.state != "done"
        return ended_badly and moment - self.finished.finished < timedelta(days=RESUMABLE_DAYS)


def read_facts(store: Store) -> list[JobFacts]:
    """The facts of all jobs, oldest first."""
    undone = undone_jobs(store)
    return [JobFacts.read(store, job_id, job_id in undone) for job_id in job_ids(store)]


def jobs_of_schedules(store: Store) -> set[str]:
    """Ids of the jobs of each schedule's latest run; without its job that would be begun again."""
    latest: dict[str, str] = {}
    for info in store.list(SCHEDULES):
        name, _, rest = info.key.removeprefix(SCHEDULES).partition("/")
        if info.key.startswith(ScheduleKeys(name).runs) and rest:
            latest[name] = max(info.key, latest.get(name, ""))
    runs = (find_record(store, key, ScheduledRunRecord) for key in latest.values())
    return {run.job_id for run in runs if run is not None}


def outside(facts: Iterable[JobFacts], retention: Retention, moment: datetime) -> set[str]:
    """Ids of the jobs that go.

    Never a job that is not ended, nor the last of a collection that was about all its photos.
    """
    collections: defaultdict[str, list[JobFacts]] = defaultdict(list)
    gone = set()
    for job in facts:
        if job.spec is not None:
            collections[job.spec.photos or ""].append(job)
        elif job.finished is not None and retention.is_set:
            gone.add(job.job_id)  # its removal was interrupted
    for jobs in collections.values():
        gone |= _outside_of(jobs, retention, moment)
    return gone


def _outside_of(jobs: Sequence[JobFacts], retention: Retention, moment: datetime) -> set[str]:
    """Those of a collection's jobs that go; one of an unknown pack, where it would under all."""
    limits: dict[str, datetime | None] = {}
    stay = set()
    for pack in {job.pack for job in jobs if job.pack}:
        done = sorted(
            (
                (job.finished.finished, job)
                for job in jobs
                if job.finished is not None and job.pack == pack and job.is_done
            ),
            key=lambda pair: pair[0],
            reverse=True,
        )
        limits[pack] = retention.cutoff([at for at, _ in done], moment)
        stay |= set([job.job_id for _, job in done if job.is_whole][:1])
    known = [limit for limit in limits.values() if limit is not None]
    limits[""] = min(known) if known and len(known) == len(limits) else None
    return {
        job.job_id
        for job in jobs
        if (limit := limits[job.pack])
        and job.finished is not None
        and job.finished.finished < limit
        and job.job_id not in stay
    }


def needed_since(facts: Iterable[JobFacts], gone: set[str], moment: datetime) -> datetime | None:
    """The time since which versions of tables may be those that a job's rows were staged for."""
    begun = [
        job.spec.created
        for job in facts
        if job.spec is not None and job.job_id not in gone and job.may_go_on(moment)
    ]
    return min(begun, default=None)


def last_specs(facts: Iterable[JobFacts]) -> set[str]:
    """Ids of the jobs whose specs say where results lie: the last of each place and roster.

    `forget` finds results of jobs by them, also those outside the archive.
    """
    last = {(job.spec.out, job.spec.expected): job.job_id for job in facts if job.spec}
    return set(last.values())
