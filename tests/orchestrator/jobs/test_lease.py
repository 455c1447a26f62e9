import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from headcount.contract.layout import LeaseKeys
from headcount.contract.record import now
from headcount.contract.stored.leases import LeaseRecord
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.lease import Lease, LeaseLost, has_ended, realm

PATIENCE = 30.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, start: float) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now


class Silent(Lease):
    """A holder that was frozen: it never renews."""

    def _renew(self) -> None:
        pass


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def held(store: MemoryStore) -> Iterator[Lease]:
    lease = Lease(store, "c", "first", patience=0.5)
    assert lease.take()
    yield lease
    lease.release()


def waiting(store: MemoryStore, clock: Clock) -> Lease:
    return Lease(store, "c", "second", patience=PATIENCE, clock=clock)


def frozen(store: MemoryStore) -> Lease:
    lease = Silent(store, "c", "first", patience=PATIENCE)
    assert lease.take()
    return lease


def test_a_lease_that_is_renewed_is_never_taken_however_the_clocks_differ(
    store: MemoryStore, held: Lease
) -> None:
    clock = Clock(1e9)
    other = waiting(store, clock)
    for number in range(10):
        held._write_heartbeat()  # what its thread does, sooner
        assert not other.take(), number
        clock.now += PATIENCE - 1
    held.confirm()
    assert (holder := other.holder()) is not None
    assert holder.job_id == "first"


def test_a_holder_that_stays_silent_is_followed_and_finds_that_out_before_it_writes(
    store: MemoryStore,
) -> None:
    old, clock = frozen(store), Clock(0)
    new = waiting(store, clock)
    assert not new.take()
    clock.now += PATIENCE - 1
    assert not new.take()
    clock.now += 2
    assert new.take()
    with pytest.raises(LeaseLost, match="another supervisor"):
        old.confirm()
    with pytest.raises(LeaseLost):
        old.require()
    old.release()  # harms nobody
    new.confirm()
    new.release()


def test_a_lease_that_was_released_is_taken_at_once(store: MemoryStore) -> None:
    first = Lease(store, "c", "first", patience=PATIENCE)
    assert first.take()
    first.release()
    second = waiting(store, Clock(0))
    assert second.take()
    second.release()


def test_of_many_who_try_at_once_one_gets_it(store: MemoryStore) -> None:
    leases = [Lease(store, "c", str(n), patience=PATIENCE) for n in range(16)]
    got: list[Lease] = []
    threads = [
        threading.Thread(target=lambda x=lease: got.append(x) if x.take() else None)
        for lease in leases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].confirm()
    got[0].release()


def test_one_who_comes_too_late_to_a_term_that_was_cleared_away_gets_nothing(
    store: MemoryStore,
) -> None:
    class Late(Lease):
        def _top(self) -> int:  # what it read before it was frozen, then the truth
            self.asked = getattr(self, "asked", 0) + 1
            return 1 if self.asked == 1 else super()._top()

    keys = LeaseKeys("c")
    late = Late(store, "c", "late", patience=PATIENCE)
    for _ in range(3):
        lease = Lease(store, "c", "other", patience=PATIENCE)
        assert lease.take()
        lease.release()
    store.put(keys.heartbeat(1), b'{"count": 1, "released": true}')  # as it was then
    assert not late.take()
    assert [info.key for info in store.list(keys.root) if info.key.endswith("json")] == [
        keys.term(3)
    ]


def test_a_process_of_this_machine_that_is_gone_is_not_waited_for() -> None:
    def holder(pid: int, where: str) -> LeaseRecord:
        return LeaseRecord(term=1, job_id="j", host="h", pid=pid, realm=where, taken=now())

    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    child = process.pid
    assert has_ended(holder(child, realm()))
    assert not has_ended(holder(os.getpid(), realm()))
    assert not has_ended(holder(child, "another machine"))
    assert not has_ended(holder(child, ""))
