"""Sessions of one model, one for each of the latest shapes."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

from workers.models.shapes import ByShape


def numbered(most: int = 3) -> tuple[ByShape[int], list[int]]:
    opened: list[int] = []

    def again() -> int:
        opened.append(len(opened) + 1)
        return opened[-1]

    return ByShape(0, again, most), opened


def test_each_shape_has_a_session_of_its_own_and_keeps_it() -> None:
    sessions, opened = numbered()
    assert [sessions.at(shape) for shape in "abcabcba"] == [0, 1, 2, 0, 1, 2, 1, 0]
    assert opened == [1, 2]


def test_the_shape_that_was_seen_longest_ago_gives_way() -> None:
    sessions, _ = numbered(most=2)
    assert [sessions.at(shape) for shape in "abacab"] == [0, 1, 0, 2, 0, 3]


def test_one_session_serves_all_shapes_where_no_other_can_be_opened() -> None:
    sessions: ByShape[int] = ByShape(7, None)
    assert {sessions.at(shape) for shape in "abc"} == {7}


def test_threads_that_ask_for_one_shape_at_once_get_one_session() -> None:
    sessions, opened = numbered(most=16)
    gate = threading.Barrier(8)

    def ask(shape: str) -> tuple[str, int]:
        gate.wait(10)
        return shape, sessions.at(shape)

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(ask, "abcdabcd"))
    for shape, of_shape in itertools.groupby(sorted(told), key=lambda each: each[0]):
        assert len({session for _, session in of_shape}) == 1, shape
    assert len(opened) == 3
