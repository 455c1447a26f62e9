"""The window that jobs share: how many shards each may have in flight, so that none starves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

WEIGHTS = {"high": 9, "normal": 3, "low": 1}
"""How the shares of jobs stand to each other, by priority."""


class Window:
    """At most ``size`` shards in flight, shared among the jobs that have shards to send."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._weights: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def shared_by(self, job_id: str, priority: str) -> Iterator[None]:
        """The job takes part for the time of the block."""
        with self._lock:
            self._weights[job_id] = WEIGHTS[priority]
        try:
            yield
        finally:
            with self._lock:
                self._weights.pop(job_id, None)

    def share(self, job_id: str) -> int:
        """How many shards of the job may be in flight now; at least one."""
        with self._lock:
            total = sum(self._weights.values())
            return max(1, self._size * self._weights.get(job_id, 0) // total) if total else 1
