"""A lock of a worker process: several units hold it side by side, or one holds it alone.

A shard whose earlier attempts died is worked on photo by photo, each recorded before it is touched.
If another shard were worked on meanwhile and killed the process, an innocent photo would be blamed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.5
"""Seconds between two checks whether to go on waiting."""


class SharedExclusiveLock:
    """A lock that is shared by many holders or held by one alone. Safe for many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._wanted_alone = 0

    @contextmanager
    def hold(self, *, alone: bool, raise_if_stopped: Callable[[], None]) -> Iterator[None]:
        """Wait for the lock and hold it; one that is to hold it ``alone`` goes before all others.

        ``raise_if_stopped`` is called while it waits, and ends the waiting by what it raises.
        """
        with self._changed:
            self._wanted_alone += alone
            try:
                while not self._is_free(alone):
                    self._changed.wait(LOOK_SECONDS)
                    raise_if_stopped()
                self._inside += 1
                self._alone = alone
            finally:
                self._wanted_alone -= alone
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._alone = False
                self._changed.notify_all()

    def _is_free(self, alone: bool) -> bool:
        if alone:
            return not self._inside
        return not self._alone and not self._wanted_alone
