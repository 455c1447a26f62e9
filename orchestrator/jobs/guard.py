"""Conditions for a job to go on: its lease is held, nobody asked it to stop, no forget runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from headcount.contract.forgotten import still_under_way, under_way
from headcount.jobs import control
from headcount.storage import Store
from orchestrator.jobs.lease import Lease
from orchestrator.jobs.progress import Reporter
from orchestrator.local import interrupt


class JobGuard:
    """Checks and waits of one job's supervisor.

    ``tick`` is called in every round of a wait: it may raise, for instance where the workers of
    this process cannot be started.
    """

    def __init__(
        self,
        store: Store,
        job_id: str,
        reporter: Reporter,
        *,
        lease_seconds: float,
        poll_seconds: float,
        tick: Callable[[], None],
    ) -> None:
        self._store = store
        self._job_id = job_id
        self._reporter = reporter
        self._lease_seconds = lease_seconds
        self._pause = min(1.0, poll_seconds)
        self._tick = tick
        self._lease = Lease(store, job_id, job_id, patience=lease_seconds)
        self._checked = time.monotonic()

    def take_lease(self, name: str) -> None:
        """Wait until this process holds the lease ``name``. Raises JobStopped meanwhile."""
        self._lease = Lease(self._store, name, self._job_id, patience=self._lease_seconds)
        told = False
        while not self._lease.take():
            if not told and (holder := self._lease.holder()):
                told = True
                self._reporter.warn(
                    f"job {holder.job_id} has the collection: its supervisor is process "
                    f"{holder.pid} on {holder.host}; waiting until it ends or falls silent"
                )
            self._wait()

    def require_lease(self) -> None:
        """Raise LeaseLost where another supervisor is known to have taken over."""
        self._lease.require()

    def confirm_lease(self) -> None:
        """Ask the archive and raise LeaseLost unless this process still holds the lease."""
        self._lease.confirm()

    def release_lease(self) -> None:
        """Let another supervisor take the lease at once."""
        self._lease.release()

    def raise_if_stopped(self) -> None:
        """Raise JobStopped where a person paused or cancelled the job; asks now and then."""
        if time.monotonic() - self._checked >= control.CHECK_SECONDS:
            self._checked = time.monotonic()
            control.raise_if_stopped(self._store, self._job_id)

    def wait_for_forget(self) -> float:
        """Wait while a person is being forgotten: what is written meanwhile would be lost.

        Returns the seconds waited; 0 where nobody is being forgotten.
        """
        began, told = time.monotonic(), False
        while mark := under_way(self._store):
            if not told:
                told = True
                self._reporter.warn(f"{still_under_way(mark)}; the job waits")
            self._wait(self._lease.require)
        return time.monotonic() - began if told else 0.0

    def tick(self) -> None:
        """Raise KeyboardInterrupt where one was asked for; call the caller's ``tick``."""
        interrupt.check_interrupt()
        self._tick()

    def _wait(self, check: Callable[[], None] = lambda: None) -> None:
        """One round of a wait."""
        self.tick()
        self.raise_if_stopped()
        check()
        time.sleep(self._pause)
