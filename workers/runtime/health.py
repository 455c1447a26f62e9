"""Health of a worker process: alive while it makes progress, ready once its models are loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from headcount.contract.layout import reduces
from headcount.contract.stored.jobs import DoneMarker
from headcount.contract.stored.workers import WorkerRefusal
from headcount.errors import TransientError, WorkerUnfit
from headcount.telemetry import logs
from headcount.telemetry.endpoint import Page, Pages, said
from headcount.telemetry.metrics import WorkerMetrics
from workers.runtime.gpu import cards
from workers.runtime.runner import STALL_SECONDS, Work
from workers.runtime.unit import Unit, UnitReleased

PROBE_STALL_SECONDS = STALL_SECONDS + 60
"""A minute after the heartbeat of a unit ends: the process is stuck, and is to be replaced."""


@dataclass(slots=True)
class _Progress:
    """Progress of a unit: the photos done when that number last changed, and the time of it."""

    unit: Unit
    photos: int
    since: float
    still: float = 0.0

    def update(self, moment: float) -> _Progress:
        """Update from the unit at this ``moment``."""
        if self.unit.photos != self.photos:
            self.photos, self.since = self.unit.photos, moment
        self.still = moment - self.since
        return self

    @property
    def stuck(self) -> bool:
        """Whether the unit hangs; steps of the reduce stage may be long."""
        return not reduces(self.unit.name) and self.still > PROBE_STALL_SECONDS

    def __str__(self) -> str:
        return f"{self.unit.name}: {self.photos} photos, no progress for {self.still:.0f} s"


class Health:
    """State of a worker process, as its endpoint shows it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.metrics = WorkerMetrics(cards)
        self._now = now
        self._at_work: dict[int, _Progress] = {}
        self._ready = False
        self.refusal: WorkerRefusal | None = None
        """The refusal that the worker stands by."""

    def ready(self) -> None:
        """Record that the models are loaded."""
        self._ready = True
        self.metrics.is_ready(True)

    def refuses(self, refusal: WorkerRefusal | None) -> None:
        """Record that a unit was refused, or that units are done again."""
        self.refusal = refusal
        self.metrics.is_ready(self._ready and refusal is None)
        if refusal is not None:
            self.metrics.refused(refusal.kind)

    def readiness(self) -> Page:
        """Answer 200 once models are loaded, and 503 with the cause while units are refused."""
        if self.refusal is not None:
            return said(False, f"cannot work: {self.refusal.cause}")
        return said(self._ready, "ready" if self._ready else "loading models")

    @contextmanager
    def at_work(self, unit: Unit) -> Iterator[None]:
        """Watch a unit while it is worked on."""
        self._at_work[id(unit)] = _Progress(unit, unit.photos, self._now())
        try:
            yield
        finally:
            del self._at_work[id(unit)]

    def watched(self, work: Work) -> Work:
        """The same ``work``, with its outcome counted and its log lines bound to the attempt."""

        def run(unit: Unit) -> DoneMarker:
            kind, end = unit.name.split("-")[0], "failed"
            self.metrics.begins()
            try:
                with logs.bound(attempt=unit.attempt):
                    marker = work(unit)
            except UnitReleased:
                self.metrics.ends(kind, "handed_back")
                raise
            except TransientError:
                self.metrics.ends(kind, "retried")
                raise
            except WorkerUnfit:
                self.metrics.ends(kind, "refused")
                raise
            except BaseException:
                self.metrics.ends(kind, end)
                raise
            self.metrics.done(kind, marker)
            return marker

        return run

    def alive(self) -> Page:
        """Answer 200 unless a unit has made no progress for too long."""
        seen = [known.update(self._now()) for known in list(self._at_work.values())]
        if not seen:
            return said(True, "waiting for work")
        return said(not any(known.stuck for known in seen), "; ".join(map(str, seen)))

    def pages(self) -> Pages:
        """The pages of the endpoint."""
        return {
            "/metrics": lambda: Page(200, self.metrics.text()),
            "/healthz": self.alive,
            "/readyz": self.readiness,
        }
