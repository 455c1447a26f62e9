"""Seconds that a run may take, shared out among its stages, and those that a stage has left.

The clock is given, so that tests can have their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the proof: the module ``module`` of this package measures it.

    ``weight`` is its share of the time beside the stages that follow; with fewer than ``least``
    seconds left it is not started.
    """

    name: str
    module: str
    title: str
    weight: float
    least: float


STAGES = (
    Stage("photos", "photos", "photos of each size are made", 1.0, 5),
    Stage("a", "machine", "what is there, and whether the provider loads", 1.0, 10),
    Stage("b", "same", "the same faces as on the CPU", 2.5, 20),
    Stage("c", "rates", "photos per second by threads and profile, and the naive loop", 5.0, 30),
    Stage("d", "decoding", "decoding alone, on the CPU and on the GPU", 2.0, 10),
    Stage("e", "scaling", "scaling and cropping, on the CPU and on the GPU", 1.0, 10),
    Stage("f", "whole", "`headcount run` from end to end", 4.0, 40),
)
"""The most important first: what is not reached any more is what matters least."""


class Budget:
    """Seconds of a run. Those that a stage does not use go to the stages that follow."""

    def __init__(
        self, seconds: float, stages: Sequence[Stage] = STAGES, clock: Clock = time.monotonic
    ) -> None:
        self.stages, self._clock = stages, clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds until the end of the run."""
        return max(0.0, self._end - self._clock())

    def limit(self, stage: Stage) -> float | None:
        """Seconds that a stage may take; None where it would start too late."""
        left = self.left()
        if left < stage.least:
            return None
        following = self.stages[self.stages.index(stage) :]
        share = left * stage.weight / sum(each.weight for each in following)
        return min(left, max(share, stage.least))


class Deadline:
    """End of a stage, asked between two measurements whether there is time for another."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds until the end."""
        return max(0.0, self._end - self._clock())

    def allows(self, seconds: float) -> bool:
        """Tell whether so many seconds are left."""
        return self.left() >= seconds
