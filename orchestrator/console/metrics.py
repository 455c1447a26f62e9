"""The supervisor's endpoint: metrics of jobs and queues, liveness, and the work that waits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from headcount.broker.client import Broker
from headcount.contract.stored.jobs import ProgressRecord
from headcount.telemetry.endpoint import Page, Pages, said
from headcount.telemetry.metrics import Board
from orchestrator.jobs.supervisor import Reporter

STILL_SECONDS = 600.0
LONG_STAGES = ("plan", "commit")
"""Stages of a single step, which may be long: planning lists the whole collection."""


class Watch:
    """A board, and whether the supervisor that fills it still moves."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self.board = Board(broker.queue_states, broker.worker_count)
        self._clock = clock
        self._moved = clock()

    def moves(self) -> None:
        """The supervisor has come round again."""
        self._moved = self._clock()

    def alive(self) -> Page:
        """200 unless nothing has moved for too long."""
        still = self._clock() - self._moved
        long = any(job.stage in LONG_STAGES for job in self.board.jobs)
        return said(long or still < STILL_SECONDS, f"last moved {still:.0f} s ago")

    def queue(self, name: str) -> Page:
        """Units of a queue, waiting and in hand, as JSON: what workers are scaled by."""
        state = self.board.queues()[name]
        body = {"work": state.waiting + state.in_hand, "waiting": state.waiting}
        return Page(200, json.dumps(body).encode(), "application/json")

    def pages(self) -> Pages:
        """Every page of the endpoint."""
        return {
            "/metrics": lambda: Page(200, self.board.text()),
            "/healthz": self.alive,
            "/readyz": lambda: said(bool(self.board.queues()), "ready"),
            "/queues/embed": lambda: self.queue("embed"),
            "/queues/reduce": lambda: self.queue("reduce"),
        }


class Measured:
    """A reporter that also keeps the watch's board."""

    def __init__(self, reporter: Reporter, watch: Watch) -> None:
        self._reporter = reporter
        self._watch = watch

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._reporter.stage(name)

    def progress(self, snapshot: ProgressRecord) -> None:
        """A new snapshot."""
        self._watch.moves()
        self._watch.board.progress(snapshot)
        self._reporter.progress(snapshot)

    def warn(self, text: str) -> None:
        """Something a person should know."""
        self._reporter.warn(text)
