"""The mark of a `prune`: while it lies in the archive no other prune, rollback or forget begins."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable

from headcount.contract.forgotten import require_none_under_way
from headcount.contract.layout import PRUNING, ROLLBACK
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import PruningRecord, RollbackRecord
from headcount.errors import FatalError, TransientError
from headcount.storage import Store

RENEWED_SECONDS = 5.0
"""Time between two signs of a prune that is at work."""
PATIENCE_SECONDS = 60.0
"""A prune that gives no sign for so long was killed; another one then takes its place."""


class PruningMark:
    """The right to prune an archive. Lost where another prune took it for dead."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._token = secrets.token_hex(8)
        self._count = 0
        self._renewed = clock()

    def take(self, *, patience: float = PATIENCE_SECONDS, pause: float = 0.5) -> None:
        """Set the mark; where there is one, wait whether it gives a sign, and take it over if not.

        Raises TransientError where another prune is at work or a person is being forgotten, and
        FatalError where a rollback is under way.
        """
        if not self._store.put_new(PRUNING, self._record()):
            self._take_over(patience, pause)
        try:
            _require_alone(self._store)
        except BaseException:
            self.release()
            raise

    def _take_over(self, patience: float, pause: float) -> None:
        seen, since = find_record(self._store, PRUNING, PruningRecord), self._clock()
        while seen is not None and self._clock() - since < patience:
            time.sleep(pause)
            other = find_record(self._store, PRUNING, PruningRecord)
            if other is not None and other != seen:
                raise TransientError(
                    f"another prune is at work: process {other.pid} on {other.host}"
                )
            seen = other
        self._store.put(PRUNING, self._record())
        self.confirm()

    def confirm(self) -> None:
        """Give a sign now and then. Raises TransientError where another prune has taken over."""
        if self._count and self._clock() - self._renewed < RENEWED_SECONDS:
            return
        record = find_record(self._store, PRUNING, PruningRecord)
        if record is None or record.token != self._token:
            raise TransientError("another prune has taken over; this one stops")
        self._store.put(PRUNING, self._record())
        self._renewed = self._clock()

    def release(self) -> None:
        """Remove the mark, if it is still this prune's."""
        record = find_record(self._store, PRUNING, PruningRecord)
        if record is not None and record.token == self._token:
            self._store.delete(PRUNING)

    def _record(self) -> bytes:
        self._count += 1
        return PruningRecord(
            at=now(),
            host=socket.gethostname(),
            pid=os.getpid(),
            token=self._token,
            count=self._count,
        ).to_bytes()


def _require_alone(store: Store) -> None:
    require_none_under_way(store)
    if record := find_record(store, ROLLBACK, RollbackRecord):
        raise FatalError(f"a rollback is under way: `headcount rollback {record.job_id}` ends it")
