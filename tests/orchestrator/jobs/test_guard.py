"""The guard: a job waits for its lease and for a `forget`, and stops when it is told to."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from headcount.contract.forgotten import ForgettingRecord
from headcount.contract.layout import FORGETTING
from headcount.jobs import control
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.guard import JobGuard
from orchestrator.jobs.lease import Lease, LeaseLost
from orchestrator.jobs.progress import Silent
from tests.orchestrator.warned import Warned

MARK = ForgettingRecord(person_id="p-1", at=datetime(2026, 1, 1, tzinfo=UTC))


def guard(
    store: MemoryStore, reporter: Silent | None = None, tick: Callable[[], None] = lambda: None
) -> JobGuard:
    reporter = reporter or Silent()
    return JobGuard(store, "job", reporter, lease_seconds=60, poll_seconds=0.001, tick=tick)


def test_a_guard_waits_until_the_holder_of_the_lease_ends_and_says_so_once() -> None:
    store, warned, rounds = MemoryStore(), Warned(), iter(range(9))
    other = Lease(store, "c", "other", patience=60)
    assert other.take()

    def tick() -> None:
        if next(rounds) == 3:
            other.release()

    waiting = guard(store, warned, tick)
    waiting.take_lease("c")
    waiting.confirm_lease()
    assert next(rounds) == 4
    assert [text.startswith("job other has the collection") for text in warned.said] == [True]
    waiting.release_lease()


def test_a_guard_whose_lease_was_taken_over_confirms_nothing() -> None:
    store = MemoryStore()
    frozen = guard(store)
    frozen.take_lease("c")
    frozen.release_lease()
    assert Lease(store, "c", "other", patience=60).take()
    with pytest.raises(LeaseLost):
        frozen.confirm_lease()
    with pytest.raises(LeaseLost):
        frozen.require_lease()


def test_a_guard_reads_the_stop_flag_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    watchful = guard(store)
    flag = control.ControlRecord(state="paused", since=datetime(2026, 1, 1, tzinfo=UTC))
    store.put(control.JobKeys("job").control, flag.to_bytes())
    watchful.raise_if_stopped()  # read only now and then
    monkeypatch.setattr(control, "CHECK_SECONDS", 0.0)
    with pytest.raises(control.JobStopped, match="paused"):
        watchful.raise_if_stopped()


def test_a_guard_says_how_long_it_waited_for_a_forget() -> None:
    store, warned = MemoryStore(), Warned()
    waiting = guard(store, warned, lambda: store.delete(FORGETTING))
    assert waiting.wait_for_forget() == 0.0
    store.put(FORGETTING, MARK.to_bytes())
    assert waiting.wait_for_forget() > 0.0
    assert [text.endswith("the job waits") for text in warned.said] == [True]


def test_a_wait_ends_by_what_its_tick_raises() -> None:
    class Ended(Exception):
        pass

    def tick() -> None:
        raise Ended

    store = MemoryStore()
    store.put(FORGETTING, MARK.to_bytes())
    with pytest.raises(Ended):
        guard(store, tick=tick).wait_for_forget()
