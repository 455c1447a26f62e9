"""The window that concurrent jobs share: each gets a share of the units in flight."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

WEIGHTS = {"high": 9, "normal": 3, "low": 1}
"""Weight of a job's share, by priority."""


class Window:
    """At most ``size`` units in flight, shared among the jobs that have many to send."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._weights: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def shared_by(self, job_id: str, priority: str) -> Iterator[None]:
        """Give the job a share while the block runs."""
        with self._lock:
            self._weights[job_id] = WEIGHTS[priority]
        try:
            yield
        finally:
            with self._lock:
                self._weights.pop(job_id, None)

    def share(self, job_id: str) -> int:
        """Number of units of the job that may be in flight now; at least one, for fairness."""
        with self._lock:
            total = sum(self._weights.values())
            return max(1, self._size * self._weights.get(job_id, 0) // total) if total else 1
