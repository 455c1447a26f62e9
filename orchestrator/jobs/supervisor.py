"""The supervisor: takes one job from its spec to its end.

It holds no state that the archive does not hold: stop it anywhere and start it again.
"""

from __future__ import annotations

from collections.abc import Callable

from headcount.broker.client import Broker
from headcount.collections.photos import collection_id
from headcount.contract.layout import PREPARE, JobKeys, PackKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec
from headcount.errors import FatalError, HeadcountError
from headcount.jobs import control
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from headcount.tables.sums import record_sums
from orchestrator.archive.cut import find_cut
from orchestrator.archive.prune import prune
from orchestrator.archive.retention import Retention
from orchestrator.jobs.dispatch import Dispatcher
from orchestrator.jobs.finished import done_record, failed_record
from orchestrator.jobs.flights import Flights
from orchestrator.jobs.guard import JobGuard
from orchestrator.jobs.progress import Progress, Reporter, Silent
from orchestrator.jobs.stages import Stages
from orchestrator.jobs.window import Window


class Supervisor:
    """The driver of one job of one archive."""

    def __init__(
        self,
        store: Store,
        job_id: str,
        *,
        broker: Broker,
        settings: Settings,
        s3: S3Settings,
        reporter: Reporter | None = None,
        tick: Callable[[], None] = lambda: None,
        window: Window | None = None,
    ) -> None:
        reporter, window = reporter or Silent(), window or Window(settings.window)
        self._store, self._s3 = store, s3
        self._keys = keys = JobKeys(job_id)
        flights = Flights()
        self._retention = Retention(settings.keep_jobs, settings.keep_days)
        self._reporter = reporter
        self._progress = progress = Progress(store, keys, reporter, flights)
        self._guard = guard = JobGuard(
            store,
            job_id,
            reporter,
            lease_seconds=settings.lease_seconds,
            poll_seconds=settings.poll_seconds,
            tick=tick,
        )
        self.dispatcher = Dispatcher(
            store,
            keys,
            broker,
            settings=settings,
            window=window,
            guard=guard,
            flights=flights,
            progress=progress,
            reporter=reporter,
        )
        self.stages = Stages(
            store,
            keys,
            s3=s3,
            reduce_faces=settings.reduce_faces,
            window=window,
            guard=guard,
            progress=progress,
            dispatcher=self.dispatcher,
        )

    def run(self) -> FinishedRecord:
        """Do what is left of the job. Returns at once where it is finished.

        Raises JobStopped where a person paused or cancelled it, meanwhile or before; LeaseLost
        where another supervisor has taken over; and FatalError where it cannot be finished: the
        archive then says so too.
        """
        spec = read_record(self._store, self._keys.spec, JobSpec)
        try:
            return self.recorded_end() or self._run_with_lease(spec)
        finally:
            self._guard.release_lease()

    def recorded_end(self) -> FinishedRecord | None:
        """The job's end as the archive has it, None where it is not done."""
        finished = find_record(self._store, self._keys.finished, FinishedRecord)
        if finished is None or finished.state != "done":
            return None
        self._clear_handed_on()
        return finished

    def _run_with_lease(self, spec: JobSpec) -> FinishedRecord:
        try:
            control.raise_if_stopped(self._store, spec.job_id)
            self._guard.take_lease(collection_id(spec.photos) if spec.photos else spec.job_id)
            return self.recorded_end() or self._finish(spec, self.stages.run(spec))
        except control.JobStopped as stop:
            if stop.state == "cancelled":
                control.end_cancelled(self._store, spec.job_id)
            self._progress.enter(stop.state)
            raise
        except FatalError as error:
            self._end(failed_record(spec, error))
            raise

    def _finish(self, spec: JobSpec, last: DoneMarker) -> FinishedRecord:
        prepared = read_record(self._store, self._keys.done(PREPARE), DoneMarker)
        if prepared.pack is not None:
            record_sums(self._store, PackKeys(prepared.pack.pack_id), self._s3)
        record = done_record(spec, prepared, last, find_cut(self._store, self._keys))
        self._end(record)
        self._clear_handed_on()
        self._prune()
        return record

    def _prune(self) -> None:
        """Remove what is outside the retention that is set; the job is done in any case."""
        try:
            prune(self._store, self._retention, self._s3)
        except HeadcountError as error:
            self._reporter.warn(f"the archive was not pruned: {error}")

    def _end(self, record: FinishedRecord) -> None:
        """Write the job's end, unless another supervisor has taken over."""
        self._guard.confirm_lease()
        self._store.put(self._keys.finished, record.to_bytes())
        self._progress.enter(record.state)

    def _clear_handed_on(self) -> None:
        """Delete what tasks of the reduce stage handed on; only once the job has its end."""
        for info in list(self._store.list(self._keys.handed_on)):
            self._store.delete(info.key)
