"""Figures of two builds that took turns: medians, spreads and ratios with their intervals."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Side = TypeVar("Side")
Turn = TypeVar("Turn")

RESAMPLES = 5000
COVERED = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median of the rounds' ratios, and the interval of 95 % around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def in_turns(
    first: Side, second: Side, rounds: int, turn: Callable[[Side], Turn]
) -> tuple[list[Turn], list[Turn]]:
    """Turns of two sides, A B B A A B ...: what drifts evenly falls on both alike."""
    turns: tuple[list[Turn], list[Turn]] = [], []
    sides = ((first, turns[0]), (second, turns[1]))
    for number in range(rounds):
        for side, kept in reversed(sides) if number % 2 else sides:
            kept.append(turn(side))
    return turns


def ratio(some: Sequence[float], others: Sequence[float]) -> Ratio:
    """Some beside the others, round by round, with a percentile bootstrap over the rounds.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    rounds = [a / b for a, b in zip(some, others, strict=True)]
    drawn = random.Random(0)  # noqa: S311 - the same figures give the same interval
    medians = sorted(
        statistics.median(drawn.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES)
    )
    tail = round((1 - COVERED) / 2 * RESAMPLES)
    return Ratio(statistics.median(rounds), medians[tail], medians[-1 - tail])


def spread(values: Sequence[float], digits: int) -> str:
    """Median of values, and the least and the largest of them."""
    each = (statistics.median(values), min(values), max(values))
    return "{} ({} to {})".format(*(f"{value:.{digits}f}" for value in each))
