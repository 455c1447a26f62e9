"""Due times of a schedule: five cron fields in a time zone, as pure functions of a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headcount.errors import FatalError

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
SEARCH_DAYS = 9 * 366
"""29 February may be eight years away."""


@dataclass(frozen=True)
class Cron:
    """A cron expression in a time zone.

    As in cron, if day and weekday are both restricted, either will do. A time that the clocks
    skip in spring is due that much later; a time that they repeat in autumn is due once.
    """

    text: str
    timezone: str

    @classmethod
    def parse(cls, text: str, timezone: str) -> Cron:
        """Parse five cron fields. Raises FatalError for a bad field or an unknown time zone."""
        cron = cls(" ".join(text.split()), timezone)
        if next(iter(cron.days(date(2024, 1, 1), 1)), None) is None:
            raise FatalError(f"cron {text!r} is never due: there is no such day")
        _ = cron.zone
        return cron

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the fields."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise FatalError(
                f"time zone {self.timezone!r} is not known: expected a name such as Europe/Zurich"
            ) from error

    @cached_property
    def _sets(self) -> dict[str, frozenset[int]]:
        parts = self.text.split()
        if len(parts) != len(FIELDS):
            raise FatalError(
                f"cron {self.text!r} has {len(parts)} fields: expected 5, as in '0 2 * * *' "
                "(minute, hour, day, month, weekday)"
            )
        named = zip(FIELDS, parts, strict=True)
        return {name: _values(part, name, low, high) for (name, low, high), part in named}

    @property
    def once_a_day(self) -> bool:
        """Whether there is at most one due time on any day."""
        return len(self._sets["minute"]) == len(self._sets["hour"]) == 1

    def _falls_on(self, day: date) -> bool:
        sets, parts = self._sets, self.text.split()
        if day.month not in sets["month"]:
            return False
        by_day = day.day in sets["day"]
        by_weekday = day.isoweekday() % 7 in sets["weekday"]
        if parts[2].startswith("*") or parts[4].startswith("*"):
            return by_day and by_weekday
        return by_day or by_weekday

    def days(self, start: date, step: int) -> Iterator[date]:
        """Yield days with due times from ``start`` on, forwards (step 1) or backwards (step -1)."""
        for number in range(SEARCH_DAYS):
            day = start + timedelta(days=step * number)
            if self._falls_on(day):
                yield day

    def _moments(self, day: date) -> list[datetime]:
        times = [time(h, m) for h in self._sets["hour"] for m in self._sets["minute"]]
        local = (datetime.combine(day, each, self.zone) for each in times)
        return sorted({moment.astimezone(UTC) for moment in local})

    def last(self, moment: datetime) -> datetime | None:
        """The latest due time at or before ``moment``, in UTC."""
        start = moment.astimezone(self.zone).date() + timedelta(days=1)
        for day in islice(self.days(start, -1), 4):
            past = [each for each in self._moments(day) if each <= moment]
            if past:
                return past[-1]
        return None

    def next(self, moment: datetime) -> datetime | None:
        """The first due time after ``moment``, in UTC."""
        start = moment.astimezone(self.zone).date() - timedelta(days=1)
        for day in islice(self.days(start, 1), 4):
            coming = [each for each in self._moments(day) if each > moment]
            if coming:
                return coming[0]
        return None

    def label(self, due: datetime) -> str:
        """Name of a run by its local date, with the time if there may be several a day."""
        local = due.astimezone(self.zone)
        return f"{local:%Y-%m-%d}" if self.once_a_day else f"{local:%Y-%m-%dT%H%M}"


def _values(text: str, name: str, low: int, high: int) -> frozenset[int]:
    """Numbers of one field such as ``*``, ``5``, ``1-5``, ``*/15`` or ``mon,fri``."""
    try:
        numbers = {n for part in text.lower().split(",") for n in _range(part, name, low, high)}
    except ValueError:
        numbers = set()
    if not numbers or min(numbers) < low or max(numbers) > high:
        raise FatalError(f"cron: {text!r} is no {name}: expected numbers from {low} to {high}")
    return frozenset(number % 7 if name == "weekday" else number for number in numbers)


def _range(part: str, name: str, low: int, high: int) -> range:
    span, slash, step = part.partition("/")
    if span == "*":
        first, last = low, high
    else:
        begin, dash, end = span.partition("-")
        first = _number(begin, name)
        last = _number(end, name) if dash else (high if slash else first)
    every = int(step) if slash else 1
    if every < 1:
        raise ValueError(step)
    return range(first, last + 1, every)


def _number(text: str, name: str) -> int:
    names = NAMES.get(name, [])
    if text in names:
        return names.index(text) + (1 if name == "month" else 0)
    return int(text)
