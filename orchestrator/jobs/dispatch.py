"""Dispatch of a stage's units: a bounded window of them in flight, lost ones sent again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from headcount.broker.client import Broker
from headcount.broker.queues import QUEUES
from headcount.contract.layout import JobKeys, is_shard
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.jobs import (
    CutRecord,
    DoneMarker,
    FailedMarker,
    PlanRecord,
    ShardManifest,
)
from headcount.errors import FatalError, TransientError
from headcount.jobs import attempts, control
from headcount.settings import Settings
from headcount.storage import Store
from headcount.text import counted
from orchestrator.archive.cut import record_cut
from orchestrator.jobs.budget import Budget
from orchestrator.jobs.flights import NEVER, Flights
from orchestrator.jobs.guard import JobGuard
from orchestrator.jobs.progress import Progress, Reporter
from orchestrator.jobs.window import Window

OUTAGE_SECONDS = 300.0
"""Outage of broker or store after which the supervisor gives up."""
RETRY_SECONDS = 2.0
"""Pause after broker or store did not answer."""
IDLE_HINT_SECONDS = 20.0
"""Work waits this long without a worker before a person is told to start one."""


class Outage:
    """Time since broker and store last answered."""

    def __init__(self) -> None:
        self._began: float | None = None

    def end(self) -> None:
        """Note that both answer."""
        self._began = None

    def bear(self, error: TransientError, moment: float) -> None:
        """Note that one does not answer. Raises FatalError where that has lasted too long."""
        if self._began is None:
            self._began = moment
        if moment - self._began > OUTAGE_SECONDS:
            raise FatalError(
                f"{error}. It has been unreachable for {OUTAGE_SECONDS / 60:.0f} minutes; "
                "nothing is lost: run again when it is back"
            ) from error


class Dispatcher:
    """Sends the units of one job and waits until each has its done marker."""

    def __init__(
        self,
        store: Store,
        keys: JobKeys,
        broker: Broker,
        *,
        settings: Settings,
        window: Window,
        guard: JobGuard,
        flights: Flights,
        progress: Progress,
        reporter: Reporter,
    ) -> None:
        self._store = store
        self._keys = keys
        self._broker = broker
        self._settings = settings
        self._window = window
        self._guard = guard
        self._flights = flights
        self._progress = progress
        self._reporter = reporter
        self._sent_before: set[str] = set()
        self._taken: set[str] = set()
        self._hinted = False

    def drive(
        self,
        units: Iterable[str],
        plan: PlanRecord | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Send units and wait for them, never more in flight than the window's share.

        ``plan`` gives the totals that progress is measured by. Once ``budget`` is spent, units that
        no worker has begun are left to the next job. Raises JobStopped, LeaseLost, and
        FatalError where a unit failed for good or an outage lasts too long.
        """
        self._wait_for_forget()
        self._clear_failures()
        left, outage = deque(units), Outage()
        self._adopt(left)
        while left or self._flights:
            began = time.monotonic()
            try:
                if budget and plan and (reason := self._spent(budget)):
                    self._cut(left, plan, reason)
                    budget = None
                self._top_up(left)
                self._look()
                self._guard.raise_if_stopped()
                self._guard.require_lease()
                outage.end()
            except TransientError as error:
                outage.bear(error, time.monotonic())
                self._reporter.warn(f"{error}; trying again")
                time.sleep(RETRY_SECONDS)
                self._flights.excuse_silence(time.monotonic() - began)
            self._progress.snapshot(plan)
            self._guard.tick()
            if self._flights:
                time.sleep(self._settings.poll_seconds)
        self._progress.snapshot(plan, force=True)

    def _adopt(self, units: Iterable[str]) -> None:
        """Note units that an earlier supervisor sent and workers still have: not sent again."""
        first = list(islice(units, self._settings.window))
        with suppress(TransientError):
            heartbeats = self._broker.heartbeats(self._keys.job_id, first)
            in_hand = {u for u, beat in heartbeats.items() if beat.get("state") == "working"}
            self._sent_before = in_hand | self._broker.waiting(self._keys.job_id)

    def _top_up(self, left: deque[str]) -> None:
        """Send units until the window is full or none is left to send."""
        while left and len(self._flights) < self._window.share(self._keys.job_id):
            unit = left.popleft()
            if unit in self._sent_before:
                self._flights.begin(unit, time.monotonic())
            else:
                self.send(unit)

    def _spent(self, budget: Budget) -> str | None:
        """The reason to begin no more shards; None while there is budget left."""
        totals, hand = self._progress.totals, self._flights.worker_seconds(time.monotonic())
        mean = totals.seconds / totals.shards if totals.shards else 0.0
        return budget.spent(now(), totals.seconds + hand, mean)

    def _cut(self, left: deque[str], plan: PlanRecord, reason: str) -> None:
        """Record that the next job does what no worker has begun; ``left`` is what is to be sent.

        Units that workers have in hand stay in flight. It may be called again if it raised.
        """
        self._guard.confirm_lease()
        self._taken |= self._broker.take_back(self._keys.job_id)
        for unit in self._sent_before.difference(self._taken).intersection(left):
            self._flights.begin(unit, time.monotonic())
        idle = {u for u in self._flights if u in self._taken and not self._flights[u].state}
        begun = [unit for unit in self._flights if unit not in idle]
        units = tuple(sorted(idle.union(left).difference(begun)))
        if not units:
            left.clear()
            return
        photos = plan.planned_photos - self._progress.totals.photos - self._photos_of(begun)
        cut = CutRecord(at=now(), reason=reason, units=units, photos=photos)
        cut = record_cut(self._store, self._keys, cut)
        self._flights.drop(cut.units)
        rest = [unit for unit in left if unit not in {*cut.units, *self._flights}]
        left.clear()
        left.extend(rest)
        self._progress.leave(cut)
        self._reporter.warn(f"{reason}: {counted(cut.photos, 'photo')} left to the next job")

    def _photos_of(self, shards: Iterable[str]) -> int:
        """Number of photos in some shards."""
        records = (read_record(self._store, self._keys.shard(u), ShardManifest) for u in shards)
        return sum(len(record.photos) for record in records)

    def send(self, unit: str) -> None:
        """Send a unit to its queue. Where that fails it is in flight as overdue, and sent later."""
        flight = self._flights.begin(unit, time.monotonic())
        try:
            self._wait_for_forget()
            self._broker.send(
                UnitMessage(archive=self._store.uri, job_id=self._keys.job_id, unit=unit)
            )
        except TransientError:
            flight.last_heard = NEVER
            raise

    def _wait_for_forget(self) -> None:
        if waited := self._guard.wait_for_forget():
            self._flights.excuse_silence(waited)

    def _look(self) -> None:
        """Read heartbeats and done markers; send again units that were lost or handed back."""
        heartbeats = self._broker.heartbeats(self._keys.job_id, self._flights)
        silent, done = [], []
        for unit in list(self._flights):
            flight, moment = self._flights[unit], time.monotonic()
            if not flight.hear(heartbeats.get(unit), moment):
                silent.append(unit)
                continue
            self._flights.refusals.hear(flight.heartbeat or {})
            if flight.released:
                self._send_released(unit)
            elif flight.refused:
                self._send_refused(unit)
            elif flight.may_be_done(moment) and self._settle(unit):
                done.append(unit)
        self._broker.forget_heartbeats(self._keys.job_id, done)
        self._look_for_lost(silent)

    def _settle(self, unit: str) -> bool:
        """Whether the unit has its done marker. Raises FatalError where it failed for good."""
        marker = find_record(self._store, self._keys.done(unit), DoneMarker)
        if marker is not None:
            self._flights.end(unit)
            if is_shard(unit):
                self._progress.count(marker)
            return True
        failed = find_record(self._store, self._keys.failed(unit), FailedMarker)
        if failed is not None:
            raise FatalError(failed.message)
        return False

    def _look_for_lost(self, silent: Iterable[str]) -> None:
        """Send overdue units again, but those that are done or still wait in a queue."""
        overdue = self._flights.overdue(silent, time.monotonic(), self._settings.lost_seconds)
        if not overdue:
            return
        waiting = self._broker.waiting(self._keys.job_id)
        for unit in overdue:
            if self._settle(unit):
                continue
            if unit in waiting:
                self._hint_at_idle_queue()
                self._flights[unit].last_heard = time.monotonic()
            else:
                self._send_lost(unit)

    def _hint_at_idle_queue(self) -> None:
        waited = self._progress.seconds_in_stage() > IDLE_HINT_SECONDS
        if waited and not self._hinted and not self._broker.worker_count():
            self._hinted = True
            self._reporter.warn(
                "work is waiting and no worker shows itself: start one with `headcount worker` "
                "against the same broker and store"
            )

    def _send_released(self, unit: str) -> None:
        """Send again a unit that its worker handed back: no attempt was spent on it."""
        control.raise_if_stopped(self._store, self._keys.job_id)
        self._broker.forget_heartbeats(self._keys.job_id, [unit])
        self.send(unit)

    def _send_refused(self, unit: str) -> None:
        """Send a unit again that a worker cannot do. Raises FatalError where no worker can."""
        refusals = self._flights.refusals
        refusal = refusals.add(self._flights[unit].heartbeat or {})
        if refusal is not None:
            self._reporter.warn(
                f"the worker {refusal.worker} cannot work: {refusal.cause}; "
                "its units go to other workers"
            )
        live = self._broker.workers()
        refusals.keep(worker.name for worker in live)
        queue = QUEUES[unit.split("-", maxsplit=1)[0]]
        if last := refusals.by_all(worker for worker in live if worker.serves(queue)):
            raise FatalError(
                f"no live worker can do {unit} of job {self._keys.job_id}: {last.cause}. "
                "Mend it, then `headcount resume` goes on from here"
            )
        control.raise_if_stopped(self._store, self._keys.job_id)
        self._broker.forget_heartbeats(self._keys.job_id, [unit])
        self.send(unit)

    def _send_lost(self, unit: str) -> None:
        """Send again a unit that is gone. Raises FatalError after too many attempts."""
        made = attempts.count(self._store, self._keys, unit)
        if not attempts.allowed(self._store, self._keys, unit, made, self._settings.max_attempts):
            raise FatalError(
                f"{unit} of job {self._keys.job_id} was tried {made} times and never finished. "
                "The workers' logs say why; then `headcount resume` goes on from here"
            )
        where = "with its worker" if self._flights.lose(unit) else "before a worker had it"
        self._reporter.warn(f"{unit} was lost {where}; sending it again")
        self.send(unit)

    def _clear_failures(self) -> None:
        """Delete the failed markers of earlier runs: a job that is run again tries again."""
        for info in list(self._store.list(self._keys.failed_folder)):
            self._store.delete(info.key)
