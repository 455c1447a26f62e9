"""Seconds per stage of a unit of work."""

from __future__ import annotations

import time
from typing import Any


class Stopwatch:
    """Seconds per stage, counted from lap to lap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to ``stage``."""
        moment = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + moment - self._last
        self._last = moment

    def report(self) -> dict[str, Any]:
        """Seconds in all and by stage, as a done marker has them."""
        return {"seconds": sum(self.seconds.values()), "stages": self.seconds}
