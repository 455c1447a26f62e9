import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.runtime.exclusive import SharedExclusiveLock
from workers.runtime.unit import UnitReleased


def wanted() -> None:
    """Whoever waits goes on waiting."""


class Guest(threading.Thread):
    """Enters a room, says so, and stays until told to leave."""

    def __init__(self, lock: SharedExclusiveLock, *, alone: bool) -> None:
        super().__init__(daemon=True)
        self.lock, self.alone = lock, alone
        self.inside, self.leave = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self.lock.hold(alone=self.alone, raise_if_stopped=wanted):
            self.inside.set()
            self.leave.wait(60)

    def left(self) -> None:
        self.leave.set()
        self.join(60)
        assert not self.is_alive()


def test_several_units_are_at_work_at_once() -> None:
    lock = SharedExclusiveLock()
    guests = [Guest(lock, alone=False) for _ in range(3)]
    assert all(guest.inside.wait(60) for guest in guests)
    for guest in guests:
        guest.left()


def test_one_that_must_be_alone_waits_for_the_others_and_they_for_it() -> None:
    lock = SharedExclusiveLock()
    first = Guest(lock, alone=False)
    assert first.inside.wait(60)
    careful = Guest(lock, alone=True)
    assert not careful.inside.wait(0.2)
    later = Guest(lock, alone=False)
    assert not later.inside.wait(0.2), "whoever is to be alone goes first"
    first.left()
    assert careful.inside.wait(60)
    assert not later.inside.wait(0.2)
    careful.left()
    assert later.inside.wait(60)
    later.left()


def test_nobody_is_ever_beside_one_that_is_alone() -> None:
    lock, inside, together = SharedExclusiveLock(), [], []

    def visit(number: int) -> None:
        alone = number % 3 == 0
        with lock.hold(alone=alone, raise_if_stopped=wanted):
            inside.append(alone)
            together.append(list(inside))
            inside.remove(alone)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(visit, range(90)))
    assert len(together) == 90
    assert all(len(seen) == 1 for seen in together if True in seen)


def test_a_unit_that_is_no_longer_wanted_stops_waiting_and_bars_nobody() -> None:
    lock = SharedExclusiveLock()
    first = Guest(lock, alone=False)
    assert first.inside.wait(60)

    def stop_requested() -> None:
        raise UnitReleased

    with pytest.raises(UnitReleased), lock.hold(alone=True, raise_if_stopped=stop_requested):
        pytest.fail("there was no room")
    second = Guest(lock, alone=False)
    assert second.inside.wait(60)
    first.left()
    second.left()


def test_a_unit_that_fails_leaves_the_room() -> None:
    lock = SharedExclusiveLock()
    with pytest.raises(ValueError, match="broken"), lock.hold(alone=True, raise_if_stopped=wanted):
        raise ValueError("broken")
    guest = Guest(lock, alone=True)
    assert guest.inside.wait(60)
    guest.left()
