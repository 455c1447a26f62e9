"""Schedules: jobs that are begun again and again, one run at a time.

The archive holds the schedules and their runs; a message from beat only says "look now". A run is
claimed by a numbered object that can be written once, and only when the run before has ended: two
supervisors cannot begin the same run, and no two runs of a schedule overlap. Of the runs that were
missed, the latest is caught up. In the archive a run is called a night (``nights/``).
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
    """Schedules of an archive, sorted by name."""
    keys = [info.key for info in store.list(SCHEDULES) if info.key.count("/") == 1]
    return [record for key in keys if (record := find_record(store, key, ScheduleRecord))]


def find_schedule(store: Store, name: str) -> ScheduleRecord:
    """The schedule of this name. Raises FatalError where there is none."""
    record = find_record(store, ScheduleKeys(name).record, ScheduleRecord)
    if record is None:
        raise FatalError(
            f"there is no schedule {name!r} in {store.uri}: `headcount schedule list` names them"
        )
    return record


def cron_of(schedule: ScheduleRecord) -> Cron:
    """Due times of a schedule."""
    return Cron.parse(schedule.cron, schedule.timezone)


def scheduled_runs(store: Store, name: str) -> list[ScheduledRunRecord]:
    """Runs of a schedule, oldest first."""
    keys = sorted(info.key for info in store.list(ScheduleKeys(name).runs))
    return [record for key in keys if (record := find_record(store, key, ScheduledRunRecord))]


def latest_run(store: Store, name: str) -> ScheduledRunRecord | None:
    """The latest run of a schedule, None before the first."""
    keys = [info.key for info in store.list(ScheduleKeys(name).runs)]
    return read_record(store, max(keys), ScheduledRunRecord) if keys else None


def due_moment(
    cron: Cron, *, since: datetime, latest: ScheduledRunRecord | None, moment: datetime
) -> datetime | None:
    """The due time of the run to begin at ``moment``; None where none is due.

    ``since``: the time the schedule was made. If several runs were missed, the latest counts.
    """
    due = cron.last(moment)
    if due is None or due <= since or (latest is not None and due <= latest.due):
        return None
    return due


class Scheduler:
    """Begins the runs of an archive's schedules, and calls the hook when they end."""

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
        """Begin every due run and call the hook for every ended one; return the runs begun."""
        begun = []
        for schedule in schedules(self.store):
            latest = latest_run(self.store, schedule.name)
            if latest and not self._ended(schedule, latest):
                continue
            due = due_moment(
                cron_of(schedule), since=schedule.created, latest=latest, moment=self._clock()
            )
            if due is not None and (run := self._begin(schedule, latest, due)):
                begun.append(run)
        return begun

    def tell(self) -> None:
        """Call the hook for the latest run of each schedule, if it has ended and was not told."""
        for schedule in schedules(self.store):
            if latest := latest_run(self.store, schedule.name):
                self._ended(schedule, latest)

    def begin_now(self, name: str) -> ScheduledRunRecord:
        """Begin a run at once, due or not. Raises FatalError while another run is at work."""
        schedule = find_schedule(self.store, name)
        latest = latest_run(self.store, name)
        run = None
        if latest is None or self._ended(schedule, latest):
            run = self._begin(schedule, latest, None)
        if run is None:
            running = latest_run(self.store, name)
            job = running.job_id if running else "?"
            raise FatalError(
                f"schedule {name} is at work already (job {job}), and never overlaps itself: "
                "`headcount cancel` ends that job, or wait until it has ended"
            )
        return run

    def _ended(self, schedule: ScheduleRecord, run: ScheduledRunRecord) -> bool:
        """Whether a run's job has ended; calls the hook then. Submits a half-begun run's job."""
        keys = JobKeys(run.job_id)
        finished = find_record(self.store, keys.finished, FinishedRecord)
        if finished is not None:
            self._tell(run, finished)
            return True
        if find_record(self.store, keys.spec, JobSpec) is None:
            spec = self._spec(schedule, run.out, run.began)
            self._submit(spec.model_copy(update={"job_id": run.job_id}))
        return False

    def _spec(self, schedule: ScheduleRecord, out: str, began: datetime) -> JobSpec:
        request = schedule.model_copy(update={"archive": self.store.uri})
        zone = cron_of(schedule).zone
        return spec_of(request, out, self.settings, began=began, zone=zone)

    def _begin(
        self, schedule: ScheduleRecord, latest: ScheduledRunRecord | None, due: datetime | None
    ) -> ScheduledRunRecord | None:
        """Claim the next run and submit its job; None where another supervisor was quicker."""
        keys, began = ScheduleKeys(schedule.name), self._clock()
        cron = cron_of(schedule)
        moment = due or began
        label = cron.label(moment) if due else f"{moment.astimezone(cron.zone):%Y-%m-%dT%H%M%S}"
        number = latest.number + 1 if latest else 1
        spec = self._spec(schedule, self.store.uri + keys.results(label), began)
        run = ScheduledRunRecord(
            schedule=schedule.name,
            number=number,
            label=label,
            due=moment,
            began=began,
            job_id=spec.job_id,
            out=spec.out,
        )
        if not self.store.put_new(keys.run(number), run.to_bytes()):
            return None
        self._submit(spec)
        return run

    def _submit(self, spec: JobSpec) -> None:
        """Submit the job; record one that cannot be done as failed."""
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

    def _tell(self, run: ScheduledRunRecord, finished: FinishedRecord) -> None:
        """Call the hook for a run's end, once. One that fails is called again at the next look."""
        if self._hook is None:
            return
        told = ScheduleKeys(run.schedule).told(run.number)
        if any(info.key == told for info in self.store.list(told)):
            return
        try:
            self._hook(ending_of(run, finished))
        except TransientError as error:
            log.warning("the hook was not called for %s of %s: %s", run.label, run.schedule, error)
            return
        self.store.put(told, b"")


def ending_of(run: ScheduledRunRecord, finished: FinishedRecord) -> dict[str, object]:
    """Body of a hook's call: where the results are and how the run ended. It holds no secret."""
    return {
        "event": f"night.{finished.state}",
        "schedule": run.schedule,
        "night": run.label,
        "job_id": run.job_id,
        "state": finished.state,
        "message": finished.message,
        "began": run.began.isoformat(),
        "finished": finished.finished.isoformat(),
        "results": run.out,
        "diff": run.out + "diff.json" if finished.state == "done" else None,
        "photos": finished.photos,
        "failures": finished.failures,
        "left": finished.left,
        "expected": finished.expected,
        "new_absences": finished.new_absences,
        "ended_absences": finished.ended_absences,
    }


def moments(store: Store, moment: datetime) -> dict[str, datetime]:
    """The next due time of each schedule after ``moment``, by name, for beat."""
    coming = ((s.name, cron_of(s).next(moment)) for s in schedules(store))
    return {name: due for name, due in coming if due is not None}


def states(store: Store) -> Iterator[dict[str, object]]:
    """Yield every schedule as JSON, with its next due time, latest run and state."""
    for schedule in schedules(store):
        coming = cron_of(schedule).next(now())
        latest = latest_run(store, schedule.name)
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
    """Write a schedule into the archive. Raises FatalError where the name is taken."""
    if not store.put_new(ScheduleKeys(schedule.name).record, schedule.to_bytes()):
        raise FatalError(
            f"there is a schedule {schedule.name!r} already: remove it first, "
            "or choose another name"
        )


def remove_schedule(store: Store, name: str) -> None:
    """Remove a schedule; its runs and their results stay."""
    find_schedule(store, name)
    store.delete(ScheduleKeys(name).record)
