"""A lease in the archive: of all supervisors, one at a time drives the jobs of a collection.

Each holder has a term, a growing number. Taking a term is a conditional write, so no two holders
have the same. A waiting supervisor watches the holder's heartbeat and takes the next term when the
heartbeat stood still for long enough by the watcher's own monotonic clock: no two clocks are
compared. A holder that was frozen or cut off finds a later term before it writes anything that
counts, and stops: terms are fencing tokens (M. Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from headcount.contract.layout import LeaseKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.leases import LeaseHeartbeat, LeaseRecord
from headcount.errors import HeadcountError
from headcount.storage import Store

HEARTBEATS_PER_PATIENCE = 5
"""Heartbeats of a holder within the time after which others take its lease."""


class LeaseLost(HeadcountError):
    """Error of a supervisor whose lease another one has taken."""


class Lease:
    """The right to drive the jobs of one collection; not held until ``take`` returns True.

    A holder that is silent for more than ``patience`` seconds loses it. ``clock`` counts seconds
    in this process.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        job_id: str,
        *,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = LeaseKeys(name)
        self._job_id = job_id
        self._patience = patience
        self._clock = clock
        self._term = 0
        self._count = 0
        self._lost = False
        self._seen: tuple[int, LeaseHeartbeat | None] | None = None
        self._seen_at = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> bool:
        """Try to take the lease; True if it is held now. Call it again and again while False."""
        top = self._top()
        if top and not self._abandoned(top):
            return False
        record = LeaseRecord(
            term=top + 1,
            job_id=self._job_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            realm=realm(),
            taken=now(),
        )
        if not self._store.put_new(self._keys.term(top + 1), record.to_bytes()):
            return False
        if self._top() != top + 1:  # so late that the terms between were taken and cleared away
            self._store.delete(self._keys.term(top + 1))
            return False
        self._term = top + 1
        self._clear_earlier()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()
        return True

    def holder(self) -> LeaseRecord | None:
        """The record of the current holder, None where the lease was never taken."""
        top = self._top()
        return find_record(self._store, self._keys.term(top), LeaseRecord) if top else None

    def require(self) -> None:
        """Raise LeaseLost where a later term was seen; reads nothing."""
        if self._lost:
            raise LeaseLost(
                f"another supervisor has taken over job {self._job_id} while this one was silent "
                "for too long; this one stops, and nothing is lost"
            )

    def confirm(self) -> None:
        """Raise LeaseLost unless this holder's term is the last one in the archive."""
        self._lost = self._lost or self._top() != self._term
        self.require()

    def release(self) -> None:
        """Stop the heartbeat and let others take the lease at once, unless it was lost."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._term and not self._lost:
            with suppress(HeadcountError):  # others then wait for ``patience``
                self._write_heartbeat(released=True)

    def _top(self) -> int:
        terms = (PurePosixPath(info.key) for info in self._store.list(self._keys.root))
        return max((int(path.stem) for path in terms if path.suffix == ".json"), default=0)

    def _abandoned(self, term: int) -> bool:
        sign = find_record(self._store, self._keys.heartbeat(term), LeaseHeartbeat)
        if sign is not None and sign.released:
            return True
        if (term, sign) != self._seen:
            self._seen, self._seen_at = (term, sign), self._clock()
        if self._clock() - self._seen_at > self._patience:
            return True
        record = find_record(self._store, self._keys.term(term), LeaseRecord)
        return record is not None and has_ended(record)

    def _clear_earlier(self) -> None:
        for info in list(self._store.list(self._keys.root)):
            if int(PurePosixPath(info.key).stem) < self._term:
                self._store.delete(info.key)

    def _renew(self) -> None:
        while not self._lost:
            with suppress(HeadcountError):  # the next heartbeat may get through
                self._write_heartbeat()
                self._lost = self._top() != self._term
            if self._stop.wait(self._patience / HEARTBEATS_PER_PATIENCE):
                return

    def _write_heartbeat(self, *, released: bool = False) -> None:
        self._count += 1
        sign = LeaseHeartbeat(count=self._count, released=released)
        self._store.put(self._keys.heartbeat(self._term), sign.to_bytes())


def realm() -> str:
    """Id of this process's pid namespace and boot, in which pids are unique; empty if unknown.

    Two containers may share a host name, but never a pid namespace of one boot.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def has_ended(holder: LeaseRecord) -> bool:
    """Whether a holder's process ran in this pid namespace and is gone."""
    if not holder.realm or holder.realm != realm():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
