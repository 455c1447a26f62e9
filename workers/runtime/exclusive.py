"""A lock of a worker process: for several units side by side, or for one that must be alone.

A shard whose earlier attempts died is worked on photo by photo, each named before it is touched.
Were another shard in hand meanwhile, its death would be laid on a photo that did nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.5
"""How often one who waits looks whether it still should."""


class SharedExclusiveLock:
    """Who is at work in this process. May be used from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._wanted_alone = 0

    @contextmanager
    def hold(self, *, alone: bool, still_wanted: Callable[[], None]) -> Iterator[None]:
        """Wait for room, and keep it meanwhile. Whoever is to be alone goes before all others.

        ``still_wanted`` is asked while it waits, and raises what ends the waiting.
        """
        with self._changed:
            self._wanted_alone += alone
            try:
                while not self._is_free(alone):
                    self._changed.wait(LOOK_SECONDS)
                    still_wanted()
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
