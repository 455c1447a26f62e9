"""The endpoints of supervisor and beat: metrics, liveness, and waiting work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from headcount.broker.client import Broker
from headcount.contract.stored.jobs import ProgressRecord
from headcount.telemetry.collectors import BeatMetrics
from headcount.telemetry.endpoint import Page, Pages, said
from headcount.telemetry.metrics import Board
from orchestrator.jobs.progress import Reporter

STILL_SECONDS = 600.0
"""A supervisor without progress for this long is not alive."""
TICK_SECONDS = 300.0
"""A beat that has not looked for so long, once it has, is not alive: it looks every 5 s."""
LONG_STAGES = ("plan", "commit")
"""Stages of a single step, which may be long: planning lists the whole collection."""


class Watch:
    """Metrics of a supervisor, and the time of its last progress."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self.metrics = Board(broker.queue_states, broker.workers)
        self._clock = clock
        self._moved = clock()

    def moves(self) -> None:
        """Note progress of the supervisor."""
        self._moved = self._clock()

    def alive(self) -> Page:
        """Page of /healthz: 200 unless there was no progress for too long."""
        still = self._clock() - self._moved
        long = any(job.stage in LONG_STAGES for job in self.metrics.jobs)
        return said(long or still < STILL_SECONDS, f"last moved {still:.0f} s ago")

    def queue(self, name: str) -> Page:
        """Page of a queue: its units, waiting and in hand, as JSON; an autoscaler reads it."""
        state = self.metrics.queues()[name]
        body = {"work": state.waiting + state.in_hand, "waiting": state.waiting}
        return Page(200, json.dumps(body).encode(), "application/json")

    def pages(self) -> Pages:
        """All pages of the endpoint, by path."""
        return {
            "/metrics": lambda: Page(200, self.metrics.text()),
            "/healthz": self.alive,
            "/readyz": lambda: said(bool(self.metrics.queues()), "ready"),
            "/queues/embed": lambda: self.queue("embed"),
            "/queues/reduce": lambda: self.queue("reduce"),
        }


class Measured:
    """Reporter that also updates a watch's metrics."""

    def __init__(self, reporter: Reporter, watch: Watch) -> None:
        self._reporter = reporter
        self._watch = watch

    def stage(self, name: str) -> None:
        """Show that a stage begins."""
        self._reporter.stage(name)

    def progress(self, snapshot: ProgressRecord) -> None:
        """Show a new snapshot and update the metrics."""
        self._watch.moves()
        self._watch.metrics.progress(snapshot)
        self._reporter.progress(snapshot)

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._reporter.warn(text)


class BeatWatch:
    """The endpoint of a beat. One in reserve is alive, though it does not look."""

    def __init__(
        self, ticked: Callable[[], float | None], clock: Callable[[], float] = time.time
    ) -> None:
        self.metrics = BeatMetrics(ticked)
        self._ticked = ticked
        self._clock = clock

    def alive(self) -> Page:
        """Page of /healthz: 503 where it no longer looks for what is due."""
        ticked = self._ticked()
        if ticked is None:
            return said(True, "in reserve")
        still = self._clock() - ticked
        return said(still < TICK_SECONDS, f"last looked {still:.0f} s ago")

    def pages(self) -> Pages:
        """All pages of the endpoint, by path."""
        return {
            "/metrics": lambda: Page(200, self.metrics.text()),
            "/healthz": self.alive,
            "/readyz": self.alive,
        }
