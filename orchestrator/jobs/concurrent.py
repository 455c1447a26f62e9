"""Jobs driven concurrently, each in a thread, until they end or all are stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

JOBS_AT_ONCE = 16
"""More jobs than this wait for one to end."""
STOP_SECONDS = 10.0
"""Time for each job to end in order when all are stopped."""
AGAIN_SECONDS = 10.0
"""Pause before a failed job is driven again, where its end could not be written."""
FAILED = 1

Tick = Callable[[], None]


class Stopping(BaseException):
    """Raised in a job's thread when the whole process is to end; no error of the job."""


class ConcurrentJobs:
    """The jobs that one process drives.

    ``drive`` drives one job and returns its exit code, or None if it may be driven again at once.
    """

    def __init__(
        self, drive: Callable[[str, Tick], int | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._drive = drive
        self._clock = clock
        self._failed_at: dict[str, float] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._stop = threading.Event()
        self._codes: dict[str, int] = {}

    @property
    def worst(self) -> int:
        """The worst of the jobs' last exit codes; 1, that of a failure, is the worst."""
        codes = self._codes.values()
        return FAILED if FAILED in codes else max(codes, default=0)

    def begin(self, job_ids: Iterable[str]) -> list[str]:
        """Begin to drive jobs that are not being driven, in the given order.

        Returns those for which there is no room now.
        """
        left = []
        for job_id in job_ids:
            running = self.running()
            if job_id in running or self._just_failed(job_id):
                continue
            if len(running) >= JOBS_AT_ONCE:
                left.append(job_id)
            else:
                thread = threading.Thread(target=self._run, args=(job_id,), name=job_id)
                thread.daemon = True  # a hung store must not keep the process
                self._threads[job_id] = thread
                thread.start()
        return left

    def running(self) -> set[str]:
        """Ids of the jobs that are being driven."""
        return {job_id for job_id, thread in self._threads.items() if thread.is_alive()}

    def _just_failed(self, job_id: str) -> bool:
        return self._clock() - self._failed_at.get(job_id, -AGAIN_SECONDS) < AGAIN_SECONDS

    def wait(self, seconds: float) -> None:
        """Wait until a job ends, at most this long."""
        before = self.running()
        pause = 0.1
        for _ in range(max(1, round(seconds / pause))):
            if self.running() != before:
                return
            self._stop.wait(pause)

    def stop(self) -> None:
        """Stop all jobs in order, so that their leases are released."""
        self._stop.set()
        for thread in self._threads.values():
            thread.join(STOP_SECONDS)

    def _tick(self) -> None:
        if self._stop.is_set():
            raise Stopping

    def _run(self, job_id: str) -> None:
        try:
            code = self._drive(job_id, self._tick)
            if code is None:
                self._codes.setdefault(job_id, FAILED)  # keeps the code of a job that was done
                return
            self._codes[job_id] = code
            if code == FAILED:
                self._failed_at[job_id] = self._clock()
        except Stopping:
            return
        except BaseException:
            self._codes[job_id] = FAILED
            raise
