import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.runtime.threads import ordered_map


def test_results_come_in_the_order_of_the_items() -> None:
    with ThreadPoolExecutor(4) as pool:
        slow_first = ordered_map(pool, lambda n: time.sleep(0.01 * (5 - n)) or n, range(5), ahead=4)
        assert list(slow_first) == [0, 1, 2, 3, 4]


def test_never_more_than_ahead_items_are_taken_before_results_are() -> None:
    taken: list[int] = []

    def items() -> "object":
        for number in range(50):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = ordered_map(pool, lambda n: n, items(), ahead=3)  # type: ignore[arg-type]
        for result in results:
            assert len(taken) <= result + 4


def test_an_error_of_one_item_reaches_the_caller() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="three"):
        list(ordered_map(pool, work, range(10), ahead=2))


def test_what_was_not_begun_is_cancelled_when_the_caller_leaves() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number:
            gate.wait(5)
        return number

    with ThreadPoolExecutor(1) as pool:
        results = ordered_map(pool, work, range(100), ahead=10)
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
        gate.set()
    assert len(begun) < 5
