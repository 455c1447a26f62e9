"""The supervisor: takes a job from its spec to its results, a bounded window of units at a time.

It holds no state that the archive does not hold: stop it anywhere and start it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, Protocol

from headcount.broker.client import RELEASED, Broker
from headcount.collections.photos import collection_id
from headcount.contract.forgotten import still_under_way, under_way
from headcount.contract.layout import (
    GATHER,
    PREPARE,
    REDUCE,
    JobKeys,
    is_shard,
    join_name,
    match_name,
    shard_name,
)
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import (
    DoneMarker,
    FailedMarker,
    FinishedRecord,
    JobSpec,
    PlanRecord,
    ProgressRecord,
    SplitRecord,
)
from headcount.contract.vocabulary import names_alike
from headcount.errors import FatalError, TransientError
from headcount.jobs import attempts, control
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from orchestrator.archive.commit import faces_in
from orchestrator.jobs.commit_in_turn import commit_in_turn, current_plan, pack_of
from orchestrator.jobs.lease import Lease
from orchestrator.jobs.window import Window
from orchestrator.local import interrupt

SNAPSHOT_SECONDS = 2.0
OUTAGE_SECONDS = 300.0
"""How long broker or store may be unreachable before the supervisor gives up."""
IDLE_HINT_SECONDS = 20.0
MARKER_CHECK_SECONDS = 20.0


class Reporter(Protocol):
    """Whoever shows a person how the job goes."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def progress(self, snapshot: ProgressRecord) -> None:
        """A new snapshot."""
        ...

    def warn(self, text: str) -> None:
        """Something a person should know."""
        ...


class Silent:
    """A reporter that shows nothing."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def progress(self, snapshot: ProgressRecord) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Flight:
    """A unit that was sent and is not done, as far as is known."""

    last_sign: float
    last_check: float
    photos: int = 0
    sign: dict[str, Any] | None = None
    """The last sign of life, which stays for a while where its worker died."""


@dataclass(slots=True)
class Totals:
    """What the done markers of a job add up to."""

    shards: int = 0
    photos: int = 0
    faces: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)

    def add(self, marker: DoneMarker) -> None:
        """Count one more marker."""
        self.shards += 1
        self.photos += marker.photos
        self.faces += marker.faces
        for outcome, number in marker.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number
        for stage, seconds in marker.stages.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds


class Supervisor:
    """Drives one job of one archive."""

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
        self.store = store
        self.keys = JobKeys(job_id)
        self.broker = broker
        self.settings = settings
        self.s3 = s3
        self.reporter = reporter or Silent()
        self._tick = tick
        self._window = window or Window(settings.window)
        self._flights: dict[str, Flight] = {}
        self._totals = Totals()
        self._resent = 0
        self._lease = Lease(store, job_id, job_id, patience=settings.lease_seconds)
        self._sent_before: set[str] = set()
        self._heeded = time.monotonic()
        self._stage = ""
        self._snapshot_at = 0.0
        self._began = time.monotonic()
        self._began_with = 0
        self._hinted = False
        self._entered = time.monotonic()

    def run(self) -> FinishedRecord:
        """Do what is left of the job. Returns at once where it is finished.

        Raises JobStopped where a person paused or cancelled it, meanwhile or before; LeaseLost
        where another supervisor has taken over; and FatalError where it cannot be finished: the
        archive then says so too.
        """
        spec = read_record(self.store, self.keys.spec, JobSpec)
        try:
            return self._end_of_job() or self._in_turn(spec)
        finally:
            self._lease.release()

    def _end_of_job(self) -> FinishedRecord | None:
        finished = find_record(self.store, self.keys.finished, FinishedRecord)
        if finished is None or finished.state != "done":
            return None
        self._clear()
        return finished

    def _clear(self) -> None:
        """Remove what the tasks of the reduce stage handed on: only once the job has its end."""
        for info in list(self.store.list(self.keys.handed_on)):
            self.store.delete(info.key)

    def _in_turn(self, spec: JobSpec) -> FinishedRecord:
        try:
            control.raise_if_stopped(self.store, self.keys.job_id)
            self._take_lease(spec)
            return self._end_of_job() or self._finish(spec, self._work(spec))
        except control.JobStopped as stop:
            if stop.state == "cancelled":
                control.end_cancelled(self.store, self.keys.job_id)
            self._enter(stop.state)
            raise
        except FatalError as error:
            ending = self._ending(spec, "failed") | {"message": str(error)}
            self._end(FinishedRecord.model_validate(ending))
            raise

    def _take_lease(self, spec: JobSpec) -> None:
        """Wait until this process alone drives the jobs of the collection."""
        name = collection_id(spec.photos) if spec.photos else spec.job_id
        self._lease = Lease(self.store, name, spec.job_id, patience=self.settings.lease_seconds)
        told = False
        while not self._lease.take():
            if not told and (holder := self._lease.holder()):
                told = True
                self.reporter.warn(
                    f"job {holder.job_id} has the collection: its supervisor is process "
                    f"{holder.pid} on {holder.host}; waiting until it ends or falls silent"
                )
            interrupt.check_interrupt()
            self._tick()
            self._heed()
            time.sleep(min(1.0, self.settings.poll_seconds))

    def _wait_for_forget(self) -> None:
        """Wait while a person is being forgotten: what is written meanwhile would be lost."""
        began, told = time.monotonic(), False
        while mark := under_way(self.store):
            if not told:
                told = True
                self.reporter.warn(f"{still_under_way(mark)}; the job waits")
            interrupt.check_interrupt()
            self._tick()
            self._heed()
            self._lease.require()
            time.sleep(min(1.0, self.settings.poll_seconds))
        if told:
            self._excuse_silence(time.monotonic() - began)

    def _work(self, spec: JobSpec) -> DoneMarker:
        prepared = self._one(PREPARE)
        if spec.photos is None:
            return prepared
        self._enter("plan")
        self._wait_for_forget()
        plan = current_plan(self.store, spec, self.s3, self._lease.confirm)
        with self._window.shared_by(spec.job_id, spec.priority):
            self._embed(plan)
        self._enter("commit")
        self._wait_for_forget()
        commit_in_turn(
            self.store, spec, plan, pack_of(prepared), self.s3, fence=self._lease.confirm
        )
        return self._reduce(pack_of(prepared))

    def _embed(self, plan: PlanRecord) -> None:
        self._enter("embed")
        units = [shard_name(number) for number in range(plan.shards)]
        done = self._units_in(self.keys.done_folder)
        for unit in units:
            if unit in done:
                self._totals.add(read_record(self.store, self.keys.done(unit), DoneMarker))
        self._began, self._began_with = time.monotonic(), self._totals.photos
        self._drive((unit for unit in units if unit not in done), plan)

    def _reduce(self, pack: PackRecord) -> DoneMarker:
        """Match, cluster and publish: in one task, or in several where the archive is large."""
        if find_record(self.store, self.keys.done(REDUCE), DoneMarker) is not None:
            return self._one(REDUCE)
        begun = find_record(self.store, self.keys.split, SplitRecord) is not None
        if not begun and faces_in(self.store, pack, self.s3) <= self.settings.reduce_faces:
            return self._one(REDUCE)
        self._one(GATHER)
        split = read_record(self.store, self.keys.split, SplitRecord)
        self._many("match", [match_name(part) for part in range(len(split.parts))])
        self._many("join", [join_name(group) for group in range(len(split.groups))])
        return self._one(REDUCE)

    def _many(self, stage: str, units: list[str]) -> None:
        """Drive a stage of several units."""
        self._enter(stage)
        done = self._units_in(self.keys.done_folder)
        self._drive((unit for unit in units if unit not in done), None)

    def _one(self, unit: str) -> DoneMarker:
        """Drive a stage that is a single unit."""
        self._enter(unit)
        marker = find_record(self.store, self.keys.done(unit), DoneMarker)
        if marker is None:
            self._drive(iter([unit]), None)
            marker = read_record(self.store, self.keys.done(unit), DoneMarker)
        return marker

    def _units_in(self, folder: str) -> set[str]:
        return {PurePosixPath(info.key).stem for info in self.store.list(folder)}

    # -- the window ---------------------------------------------------------------------------

    def _drive(self, units: Iterator[str], plan: PlanRecord | None) -> None:
        """Send units and wait for them, never more than the window at once."""
        self._wait_for_forget()
        self._forget_failures()
        units = self._adopt(units)
        more = True
        outage_began: float | None = None
        while more or self._flights:
            looked = time.monotonic()
            try:
                while more and len(self._flights) < self._window.share(self.keys.job_id):
                    unit = next(units, None)
                    more = unit is not None
                    if unit is not None:
                        self._begin(unit)
                self._look()
                self._heed()
                self._lease.require()
                outage_began = None
            except TransientError as error:
                outage_began = outage_began or time.monotonic()
                if time.monotonic() - outage_began > OUTAGE_SECONDS:
                    raise FatalError(
                        f"{error}. It has been unreachable for {OUTAGE_SECONDS / 60:.0f} minutes; "
                        "nothing is lost: run again when it is back"
                    ) from error
                self.reporter.warn(f"{error}; trying again")
                time.sleep(2)
                self._excuse_silence(time.monotonic() - looked)
            self._snapshot(plan)
            interrupt.check_interrupt()
            self._tick()
            if self._flights:
                time.sleep(self.settings.poll_seconds)
        self._snapshot(plan, force=True)

    def _adopt(self, units: Iterator[str]) -> Iterator[str]:
        """Note which units an earlier supervisor sent and workers still have: they stay theirs."""
        first = list(islice(units, self.settings.window))
        with suppress(TransientError):
            beats = self.broker.heartbeats(self.keys.job_id, first)
            in_hand = {unit for unit, beat in beats.items() if beat.get("state") == "working"}
            self._sent_before = in_hand | self.broker.waiting(self.keys.job_id)
        return chain(first, units)

    def _begin(self, unit: str) -> None:
        if unit in self._sent_before:
            moment = time.monotonic()
            self._flights[unit] = Flight(last_sign=moment, last_check=moment)
        else:
            self._send(unit)

    def _heed(self) -> None:
        """Raise JobStopped where a person said so; looks now and then."""
        if time.monotonic() - self._heeded >= control.CHECK_SECONDS:
            self._heeded = time.monotonic()
            control.raise_if_stopped(self.store, self.keys.job_id)

    def _send(self, unit: str) -> None:
        now_ = time.monotonic()
        self._flights[unit] = Flight(last_sign=now_, last_check=now_)
        message = UnitMessage(archive=self.store.uri, job_id=self.keys.job_id, unit=unit)
        try:
            self._wait_for_forget()
            self.broker.send(message)
        except TransientError:
            self._flights[unit].last_sign = 0.0  # lost at once: it is sent again when possible
            raise

    def _look(self) -> None:
        """Take in what became of the units in flight, and send again what was lost."""
        beats = self.broker.heartbeats(self.keys.job_id, self._flights)
        silent, settled = [], []
        for unit, flight in list(self._flights.items()):
            beat = beats.get(unit)
            if beat is None or beat == flight.sign:  # every sign has a number of its own
                silent.append(unit)
                continue
            flight.sign, flight.last_sign = beat, time.monotonic()
            flight.photos = int(beat.get("photos", 0))
            if beat.get("state") in ("done", "failed") or self._due(flight):
                if self._settle(unit):
                    settled.append(unit)
            elif beat.get("state") == RELEASED:
                self._send_again(unit)
        self.broker.forget_heartbeats(self.keys.job_id, settled)
        self._look_for_lost(silent)

    def _excuse_silence(self, seconds: float) -> None:
        """No sign could be heard for so long: that counts for nobody who was in hand."""
        for flight in self._flights.values():
            if flight.last_sign:  # else it could not be sent
                flight.last_sign += seconds

    def _due(self, flight: Flight) -> bool:
        """Whether to look at the marker although no sign says so: signs may be lost."""
        moment = time.monotonic()
        if moment - flight.last_check < MARKER_CHECK_SECONDS:
            return False
        flight.last_check = moment
        return True

    def _look_for_lost(self, silent: Iterable[str]) -> None:
        overdue = [
            unit
            for unit in silent
            if time.monotonic() - self._flights[unit].last_sign > self.settings.lost_seconds
        ]
        if not overdue:
            return
        waiting = self.broker.waiting(self.keys.job_id)
        for unit in overdue:
            if self._settle(unit):
                continue
            if unit in waiting:
                self._hint_at_idle_queue()
                self._flights[unit].last_sign = time.monotonic()
            else:
                self._resend(unit)

    def _hint_at_idle_queue(self) -> None:
        waited = time.monotonic() - self._entered > IDLE_HINT_SECONDS
        if waited and not self._hinted and not self.broker.worker_count():
            self._hinted = True
            self.reporter.warn(
                "work is waiting and no worker shows itself: start one with `headcount worker` "
                "against the same broker and store"
            )

    def _settle(self, unit: str) -> bool:
        """Whether the unit is done, by its marker. Raises FatalError where it failed for good."""
        marker = find_record(self.store, self.keys.done(unit), DoneMarker)
        if marker is not None:
            del self._flights[unit]
            if is_shard(unit):
                self._totals.add(marker)
            return True
        failed = find_record(self.store, self.keys.failed(unit), FailedMarker)
        if failed is not None:
            raise FatalError(failed.message)
        return False

    def _send_again(self, unit: str) -> None:
        """A worker handed the unit back: nobody died, no attempt was spent."""
        control.raise_if_stopped(self.store, self.keys.job_id)
        self.broker.forget_heartbeats(self.keys.job_id, [unit])
        self._send(unit)

    def _resend(self, unit: str) -> None:
        made = attempts.count(self.store, self.keys, unit)
        if not attempts.allowed(self.store, self.keys, unit, made, self.settings.max_attempts):
            raise FatalError(
                f"{unit} of job {self.keys.job_id} was tried {made} times and never finished. "
                "The workers' logs say why; then `headcount resume` goes on from here"
            )
        self._resent += 1
        self.reporter.warn(f"{unit} was lost with its worker; sending it again")
        self._send(unit)

    def _forget_failures(self) -> None:
        """A job that is run again gets another chance."""
        for info in list(self.store.list(self.keys.failed_folder)):
            self.store.delete(info.key)

    # -- telling ------------------------------------------------------------------------------

    def _enter(self, stage: str) -> None:
        self._stage, self._entered = stage, time.monotonic()
        self.reporter.stage(stage)
        self._snapshot(None, force=True)

    def _snapshot(self, plan: PlanRecord | None, *, force: bool = False) -> None:
        moment = time.monotonic()
        record = self._progress(plan)
        self.reporter.progress(record)
        if force or moment - self._snapshot_at > SNAPSHOT_SECONDS:
            self._snapshot_at = moment
            try:
                self.store.put(self.keys.progress, record.to_bytes())
            except TransientError as error:
                self.reporter.warn(str(error))

    def _progress(self, plan: PlanRecord | None) -> ProgressRecord:
        photos = self._totals.photos + sum(flight.photos for flight in self._flights.values())
        total = plan.planned_photos if plan else 0
        elapsed = time.monotonic() - self._began
        fresh = photos - self._began_with
        rate = fresh / elapsed if fresh and elapsed > 1 else None
        return ProgressRecord(
            job_id=self.keys.job_id,
            stage=self._stage,
            updated=now(),
            photos_total=total,
            photos_done=min(photos, total) if total else photos,
            faces=self._totals.faces,
            outcomes=self._totals.outcomes,
            stages=self._totals.stages,
            shards_total=plan.shards if plan else 0,
            shards_done=self._totals.shards,
            shards_in_flight=len(self._flights),
            resent=self._resent,
            photos_per_second=rate,
            seconds_left=(total - photos) / rate if rate and total else None,
        )

    # -- the end ------------------------------------------------------------------------------

    def _ending(self, spec: JobSpec, state: str) -> dict[str, object]:
        return {"job_id": spec.job_id, "state": state, "finished": now(), "out": spec.out}

    def _finish(self, spec: JobSpec, last: DoneMarker) -> FinishedRecord:
        prepared = read_record(self.store, self.keys.done(PREPARE), DoneMarker)
        good = [reference.person for reference in prepared.references if reference.good]
        gone = sum(reference.state == "withdrawn" for reference in prepared.references)
        record = FinishedRecord.model_validate(
            self._ending(spec, "done")
            | {
                "photos": last.photos if spec.photos else 0,
                "failures": last.counts.get("failures", 0),
                "reference_failures": sum(r.refused for r in prepared.references),
                "references_withdrawn": gone,
                "references_forgotten": prepared.counts.get("forgotten_references", 0),
                "names_alike": sum(len(alike) for alike in names_alike(good)),
            }
        )
        self._end(record)
        self._clear()
        return record

    def _end(self, record: FinishedRecord) -> None:
        self._lease.confirm()
        self.store.put(self.keys.finished, record.to_bytes())
        self._enter(record.state)
