import pytest

from benchmarks.speed.paired import in_turns, ratio, spread


def test_sides_take_turns_and_neither_is_always_first() -> None:
    order: list[str] = []

    def turn(side: str) -> int:
        order.append(side)
        return len(order)

    assert in_turns("new", "old", 3, turn) == ([1, 4, 5], [2, 3, 6])
    assert order == ["new", "old", "old", "new", "new", "old"]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    found = ratio([2.0, 4.0, 90.0], [1.0, 1.0, 1.0])
    assert found.median == 4.0
    assert (found.low, found.high) == (2.0, 90.0)


def test_rounds_that_slow_both_sides_alike_leave_no_doubt() -> None:
    found = ratio([2.0, 20.0, 0.2], [1.0, 10.0, 0.1])
    assert (found.low, found.median, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_interval_holds_the_median_and_narrows_with_rounds() -> None:
    few, many = ([1.0 + 0.01 * (n % 7) for n in range(rounds)] for rounds in (7, 70))
    wide, narrow = (ratio(some, [1.0] * len(some)) for some in (few, many))
    assert wide.low <= wide.median <= wide.high
    assert 0 <= narrow.high - narrow.low < wide.high - wide.low
    assert ratio(few, [1.0] * 7) == wide


def test_a_spread_is_the_median_between_the_extremes() -> None:
    assert spread([3.0, 1.0, 2.5], 1) == "2.5 (1.0 to 3.0)"
