"""Refusals of one job: workers that cannot do its units, and the end of a job that none can do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from headcount.broker.presence import WorkerState
from headcount.contract.stored.workers import WorkerRefusal

ROUNDS_BEFORE_FAILURE = 2
"""A job fails once every live worker has refused its units so often, each time after a pause."""


class Refusals:
    """The workers that refused units of a job, and have done none since."""

    def __init__(self) -> None:
        self._rounds: defaultdict[str, set[int]] = defaultdict(set)
        self._last: dict[str, WorkerRefusal] = {}

    @property
    def standing(self) -> tuple[WorkerRefusal, ...]:
        """The last refusal of each of these workers, by their names."""
        return tuple(self._last[worker] for worker in sorted(self._last))

    def add(self, heartbeat: dict[str, Any]) -> WorkerRefusal | None:
        """Take in a refusal; returned where its worker or cause is new."""
        refusal = WorkerRefusal.model_validate(heartbeat)
        self._rounds[refusal.worker].add(int(heartbeat.get("round", 0)))
        known = self._last.get(refusal.worker) == refusal
        self._last[refusal.worker] = refusal
        return None if known else refusal

    def hear(self, heartbeat: dict[str, Any]) -> None:
        """Take in any other heartbeat: a worker that gets on refuses no more."""
        if heartbeat.get("photos") or heartbeat.get("state") == "done":
            worker = str(heartbeat.get("worker"))
            self._rounds.pop(worker, None)
            self._last.pop(worker, None)

    def keep(self, live: Iterable[str]) -> None:
        """Drop workers that are gone."""
        for worker in self._last.keys() - set(live):
            self._last.pop(worker)
            self._rounds.pop(worker)

    def by_all(self, workers: Iterable[WorkerState]) -> WorkerRefusal | None:
        """One refusal, where every one of these workers has refused twice; else None."""
        names = [worker.name for worker in workers]
        if not names or any(len(self._rounds[n]) < ROUNDS_BEFORE_FAILURE for n in names):
            return None
        return self._last[names[0]]
