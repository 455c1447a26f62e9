"""Schedules: jobs that are begun again and again, one night at a time, never two at once.

The archive holds the schedules and their nights; a message from beat only says "look now". A night
is claimed by a numbered object that can be written once, and only when the night before has ended:
two supervisors cannot begin the same night, nor two nights overlap. Of the nights that were missed
the latest is caught up, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from headcount.contract.layout import SCHEDULES, JobKeys, ScheduleKeys
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.jobs import (
    FinishedRecord,
    JobSpec,
    ScheduledRunRecord,
    ScheduleRecord,
)
from headcount.errors import FatalError, TransientError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from orchestrator.jobs.submit import spec_of, submit
from orchestrator.schedules.cron import Cron

log = logging.getLogger(__name__)

Hook = Callable[[dict[str, object]], None]


def schedules(store: Store) -> list[ScheduleRecord]:
    """Every schedule of an archive, by name."""
    keys = [info.key for info in store.list(SCHEDULES) if info.key.count("/") == 1]
    return [record for key in keys if (record := find_record(store, key, ScheduleRecord))]


def find_schedule(store: Store, name: str) -> ScheduleRecord:
    """One schedule. Raises FatalError where there is none of that name."""
    record = find_record(store, ScheduleKeys(name).record, ScheduleRecord)
    if record is None:
        raise FatalError(
            f"there is no schedule {name!r} in {store.uri}: `headcount schedule list` names them"
        )
    return record


def cron_of(schedule: ScheduleRecord) -> Cron:
    """When it is due."""
    return Cron.parse(schedule.cron, schedule.timezone)


def nights(store: Store, name: str) -> list[ScheduledRunRecord]:
    """The nights of a schedule, oldest first."""
    keys = sorted(info.key for info in store.list(ScheduleKeys(name).runs))
    return [record for key in keys if (record := find_record(store, key, ScheduledRunRecord))]


def latest_night(store: Store, name: str) -> ScheduledRunRecord | None:
    """The latest night of a schedule."""
    keys = [info.key for info in store.list(ScheduleKeys(name).runs)]
    return read_record(store, max(keys), ScheduledRunRecord) if keys else None


def due_moment(
    cron: Cron, *, since: datetime, latest: ScheduledRunRecord | None, moment: datetime
) -> datetime | None:
    """The moment for which a night is to begin at ``moment``; None where none is.

    ``since`` is when the schedule was made. However many nights were missed, it is the latest.
    """
    due = cron.last(moment)
    if due is None or due <= since or (latest is not None and due <= latest.due):
        return None
    return due


class Scheduler:
    """Begins the nights of an archive's schedules, and tells how they ended."""

    def __init__(
        self,
        store: Store,
        *,
        settings: Settings,
        s3: S3Settings,
        hook: Hook | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.store = store
        self.settings = settings
        self.s3 = s3
        self._hook = hook
        self._clock = clock

    def look(self) -> list[ScheduledRunRecord]:
        """Begin every night that is due, and tell of every one that ended; gives those begun."""
        begun = []
        for schedule in schedules(self.store):
            latest = latest_night(self.store, schedule.name)
            if latest and not self._ended(schedule, latest):
                continue
            due = due_moment(
                cron_of(schedule), since=schedule.created, latest=latest, moment=self._clock()
            )
            if due is not None and (night := self._begin(schedule, latest, due)):
                begun.append(night)
        return begun

    def tell(self) -> None:
        """Tell of every latest night that has ended and was not told yet."""
        for schedule in schedules(self.store):
            if latest := latest_night(self.store, schedule.name):
                self._ended(schedule, latest)

    def begin_now(self, name: str) -> ScheduledRunRecord:
        """Begin a night at once, due or not. Raises FatalError while another one runs."""
        schedule = find_schedule(self.store, name)
        latest = latest_night(self.store, name)
        night = None
        if latest is None or self._ended(schedule, latest):
            night = self._begin(schedule, latest, None)
        if night is None:
            running = latest_night(self.store, name)
            job = running.job_id if running else "?"
            raise FatalError(
                f"schedule {name} is at work already (job {job}), and never overlaps itself: "
                "`headcount cancel` ends that job, or wait until it has ended"
            )
        return night

    def _ended(self, schedule: ScheduleRecord, night: ScheduledRunRecord) -> bool:
        """Whether a night's job has ended; then it is told, once. Mends a half-begun night."""
        keys = JobKeys(night.job_id)
        finished = find_record(self.store, keys.finished, FinishedRecord)
        if finished is not None:
            self._tell(night, finished)
            return True
        if find_record(self.store, keys.spec, JobSpec) is None:
            self._submit(
                self._spec(schedule, night.out).model_copy(update={"job_id": night.job_id})
            )
        return False

    def _spec(self, schedule: ScheduleRecord, out: str) -> JobSpec:
        return spec_of(schedule.model_copy(update={"archive": self.store.uri}), out, self.settings)

    def _begin(
        self, schedule: ScheduleRecord, latest: ScheduledRunRecord | None, due: datetime | None
    ) -> ScheduledRunRecord | None:
        """Claim the next night and leave its job in the archive; None where another was quicker."""
        keys, began = ScheduleKeys(schedule.name), self._clock()
        cron = cron_of(schedule)
        moment = due or began
        label = cron.label(moment) if due else f"{moment.astimezone(cron.zone):%Y-%m-%dT%H%M%S}"
        number = latest.number + 1 if latest else 1
        spec = self._spec(schedule, self.store.uri + keys.results(label))
        night = ScheduledRunRecord(
            schedule=schedule.name,
            number=number,
            label=label,
            due=moment,
            began=began,
            job_id=spec.job_id,
            out=spec.out,
        )
        if not self.store.put_new(keys.run(number), night.to_bytes()):
            return None
        self._submit(spec)
        return night

    def _submit(self, spec: JobSpec) -> None:
        """Leave the job in the archive; one that cannot be done is left there as failed."""
        try:
            submit(spec, self.s3)
        except FatalError as error:
            keys = JobKeys(spec.job_id)
            record = FinishedRecord(
                job_id=spec.job_id,
                state="failed",
                finished=self._clock(),
                message=str(error),
                out=spec.out,
            )
            self.store.put(keys.spec, spec.to_bytes())
            self.store.put(keys.finished, record.to_bytes())

    def _tell(self, night: ScheduledRunRecord, finished: FinishedRecord) -> None:
        """Call the hook for a night's end. A hook that fails is called again at the next look."""
        if self._hook is None:
            return
        told = ScheduleKeys(night.schedule).told(night.number)
        if any(info.key == told for info in self.store.list(told)):
            return
        try:
            self._hook(ending_of(night, finished))
        except TransientError as error:
            log.warning("night %s of %s is not told yet: %s", night.label, night.schedule, error)
            return
        self.store.put(told, b"")


def ending_of(night: ScheduledRunRecord, finished: FinishedRecord) -> dict[str, object]:
    """What a hook is told: where the results are and how it went. No secret is in it."""
    return {
        "event": f"night.{finished.state}",
        "schedule": night.schedule,
        "night": night.label,
        "job_id": night.job_id,
        "state": finished.state,
        "message": finished.message,
        "began": night.began.isoformat(),
        "finished": finished.finished.isoformat(),
        "results": night.out,
        "diff": night.out + "diff.json" if finished.state == "done" else None,
        "photos": finished.photos,
        "failures": finished.failures,
    }


def moments(store: Store, moment: datetime) -> dict[str, datetime]:
    """When each schedule is due next: what beat is set to."""
    coming = ((s.name, cron_of(s).next(moment)) for s in schedules(store))
    return {name: due for name, due in coming if due is not None}


def states(store: Store) -> Iterator[dict[str, object]]:
    """Every schedule with its next and its latest night, for a person or a program."""
    for schedule in schedules(store):
        coming = cron_of(schedule).next(now())
        latest = latest_night(store, schedule.name)
        finished = None
        if latest:
            finished = find_record(store, JobKeys(latest.job_id).finished, FinishedRecord)
        yield {
            **schedule.model_dump(mode="json", exclude={"version"}),
            "next": coming.isoformat() if coming else None,
            "latest": latest.model_dump(mode="json", exclude={"version"}) if latest else None,
            "state": finished.state if finished else ("running" if latest else "waiting"),
        }


def add_schedule(store: Store, schedule: ScheduleRecord) -> None:
    """Leave a schedule in the archive. Raises FatalError where the name is taken."""
    if not store.put_new(ScheduleKeys(schedule.name).record, schedule.to_bytes()):
        raise FatalError(
            f"there is a schedule {schedule.name!r} already: remove it first, "
            "or choose another name"
        )


def remove_schedule(store: Store, name: str) -> None:
    """Take a schedule away; its nights and their results stay."""
    find_schedule(store, name)
    store.delete(ScheduleKeys(name).record)
