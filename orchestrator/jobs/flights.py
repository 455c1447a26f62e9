"""Units in flight: sent and not yet done, each with the last heartbeat of its worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from headcount.broker.client import REFUSED, RELEASED
from headcount.contract.stored.in_hand import HeldUnit
from headcount.contract.stored.workers import SlowPhoto
from orchestrator.jobs.refusals import Refusals

MARKER_CHECK_SECONDS = 20.0
"""A unit's done marker is looked for this often without a heartbeat that tells of it."""
NEVER = float("-inf")

Heartbeat = dict[str, Any]


@dataclass(slots=True)
class Flight:
    """A unit that was sent; seconds are of the supervisor's monotonic clock."""

    last_heard: float
    last_check: float
    photos: int = 0
    began: float | None = None
    """The first heartbeat of the worker that has it in hand."""
    heartbeat: Heartbeat | None = None
    """The last heartbeat; where its worker died the broker keeps it for some seconds."""

    def hear(self, heartbeat: Heartbeat | None, moment: float) -> bool:
        """Take in a heartbeat. False where there is none newer than the last."""
        if heartbeat is None or heartbeat == self.heartbeat:  # each has a number of its own
            return False
        self.heartbeat, self.last_heard = heartbeat, moment
        self.photos = int(heartbeat.get("photos", 0))
        self.began = moment if self.began is None else self.began
        return True

    def may_be_done(self, moment: float) -> bool:
        """Whether to look for the done marker: the heartbeat says so, or it is time to look.

        The last heartbeat of a unit may be lost with the broker; its marker never is.
        """
        if self.state in ("done", "failed"):
            return True
        if moment - self.last_check < MARKER_CHECK_SECONDS:
            return False
        self.last_check = moment
        return True

    @property
    def state(self) -> str:
        """State in the last heartbeat, such as working, done or refused; empty before any."""
        return str((self.heartbeat or {}).get("state", ""))

    @property
    def released(self) -> bool:
        """Whether the worker handed the unit back unfinished, on purpose."""
        return self.state == RELEASED

    @property
    def refused(self) -> bool:
        """Whether a worker cannot do the unit, and another may."""
        return self.state == REFUSED


class Flights:
    """The units of one job in flight, and how many units were lost and sent again."""

    def __init__(self) -> None:
        self.resent = self.lost_in_hand = 0
        self.refusals = Refusals()
        self._flights: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[str]:
        return iter(self._flights)

    def __getitem__(self, unit: str) -> Flight:
        return self._flights[unit]

    @property
    def photos(self) -> int:
        """Photos that workers have done of the units in flight."""
        return sum(flight.photos for flight in self._flights.values())

    @property
    def slow(self) -> SlowPhoto | None:
        """The photo that workers tell they have in hand for long; of several, the longest."""
        told = (
            flight.heartbeat.get("slow") for flight in self._flights.values() if flight.heartbeat
        )
        slow = [SlowPhoto.model_validate(photo) for photo in told if photo]
        return max(slow, key=lambda photo: photo.seconds, default=None)

    def in_hand(self, moment: float) -> tuple[HeldUnit, ...]:
        """Units that workers have in hand, by their heartbeats, in the order they were sent."""
        return tuple(
            HeldUnit(
                unit=unit,
                worker=str(flight.heartbeat["worker"]),
                photos=flight.photos,
                seconds=int(moment - flight.began),
                silent=max(0, int(moment - flight.last_heard)),
            )
            for unit, flight in self._flights.items()
            if flight.state == "working" and flight.heartbeat and flight.began is not None
            if flight.heartbeat.get("worker")
        )

    def worker_seconds(self, moment: float) -> float:
        """Seconds that workers have had units in hand that are in flight."""
        return sum(moment - f.began for f in self._flights.values() if f.began is not None)

    def begin(self, unit: str, moment: float) -> Flight:
        """Add a unit, or begin it anew, heard of at this moment."""
        flight = self._flights[unit] = Flight(last_heard=moment, last_check=moment)
        return flight

    def lose(self, unit: str) -> bool:
        """Count a lost unit. False where no worker had it in hand: it was lost with the broker."""
        in_hand = self._flights[unit].began is not None
        self.resent += 1
        self.lost_in_hand += in_hand
        return in_hand

    def end(self, unit: str) -> None:
        """Remove a unit that is done."""
        del self._flights[unit]

    def drop(self, units: Iterable[str]) -> None:
        """Remove those of the units that are in flight: they are not waited for any more."""
        for unit in units:
            self._flights.pop(unit, None)

    def overdue(self, units: Iterable[str], moment: float, patience: float) -> list[str]:
        """Those of the units that were not heard of for more than ``patience`` seconds."""
        return [unit for unit in units if moment - self[unit].last_heard > patience]

    def excuse_silence(self, seconds: float) -> None:
        """Discount a time in which no heartbeat could be read; unsent units stay overdue."""
        for flight in self._flights.values():
            flight.last_heard += seconds  # NEVER stays NEVER
