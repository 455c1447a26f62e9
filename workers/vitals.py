"""How a worker process is: alive while it makes progress, ready once its models are loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from headcount import logs
from headcount.endpoint import Page, Pages, said
from headcount.errors import TransientError
from headcount.layout import REDUCE
from headcount.messages import DoneMarker
from headcount.metrics import WorkerMetrics
from workers.context import GivenUp, Unit
from workers.units import STALL_SECONDS, Work

PROBE_STALL_SECONDS = STALL_SECONDS + 60
"""A minute after the unit was given up: the process is stuck with it, and is to be replaced."""


@dataclass(slots=True)
class _Seen:
    """A unit in hand: its photos when it was last looked at, and since when it has had so many."""

    unit: Unit
    photos: int
    since: float

    def still(self, moment: float) -> float:
        """Seconds without progress. A reduce stage makes none that can be seen."""
        if self.unit.photos != self.photos:
            self.photos, self.since = self.unit.photos, moment
        return moment - self.since


class Vitals:
    """What the endpoint tells of a worker process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.metrics = WorkerMetrics()
        self._clock = clock
        self._units: dict[str, _Seen] = {}
        self._ready = False

    def ready(self) -> None:
        """The models are loaded."""
        self._ready = True
        self.metrics.is_ready()

    @contextmanager
    def at_work(self, unit: Unit) -> Iterator[None]:
        """A unit is in hand, maybe one of several."""
        name = f"{unit.job_id}/{unit.name}"
        self._units[name] = _Seen(unit, -1, self._clock())
        try:
            yield
        finally:
            self._units.pop(name, None)

    def watched(self, work: Work) -> Work:
        """``work``, with its end counted and its log lines bound to the attempt."""

        def run(unit: Unit) -> DoneMarker:
            kind, end = unit.name.split("-")[0], "failed"
            self.metrics.begins()
            try:
                with logs.bound(attempt=unit.attempt):
                    marker = work(unit)
            except GivenUp:
                self.metrics.ends(kind, "handed_back")
                raise
            except TransientError:
                self.metrics.ends(kind, "retried")
                raise
            except BaseException:
                self.metrics.ends(kind, end)
                raise
            self.metrics.done(kind, marker)
            return marker

        return run

    def alive(self) -> Page:
        """200 unless a unit in hand has made no progress for too long."""
        moment, seen = self._clock(), list(self._units.values())
        if not seen:
            return said(True, "waiting for work")
        stuck = [s for s in seen if s.still(moment) > PROBE_STALL_SECONDS and s.unit.name != REDUCE]
        stillest = max(stuck or seen, key=lambda one: one.still(moment))
        unit, still = stillest.unit, stillest.still(moment)
        words = f"{unit.name}: {unit.photos} photos, no progress for {still:.0f} s"
        return said(not stuck, words)

    def pages(self) -> Pages:
        """Every page of the endpoint."""
        return {
            "/metrics": lambda: Page(200, self.metrics.text()),
            "/healthz": self.alive,
            "/readyz": lambda: said(self._ready, "ready" if self._ready else "loading models"),
        }
