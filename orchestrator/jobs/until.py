"""The moment by which a job is to end, from what a person wrote: 06:00, or a date and time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from headcount.errors import FatalError

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_DAYS = 3
"""Days from the day before on: one of them has the next such moment in any time zone."""


def end_of(until: str, begun: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment, in UTC, that ``until`` means for a job that begins at ``begun``.

    HH:MM is the next such moment. A date and time (ISO 8601) is itself. Both are of ``zone`` (None:
    the machine's), unless the date has a zone of its own. As in cron, a time that the clocks skip
    is that much later, and a time that they repeat is the first of the two. Raises FatalError for
    another text, and for a moment that is past.
    """
    if (clock := clock_of(until)) is not None:
        return _next(clock, begun, zone)
    moment = _moment(until, zone)
    if moment <= begun:
        raise FatalError(f"--until {until} is past: give a later time, or HH:MM for the next one")
    return moment


def clock_of(until: str) -> time | None:
    """The time of day in ``until``; None where it has a date. Raises FatalError for 25:00."""
    found = _CLOCK.fullmatch(until.strip())
    if found is None:
        return None
    try:
        return time(int(found[1]), int(found[2]))
    except ValueError as error:
        raise _bad(until) from error


def _next(clock: time, begun: datetime, zone: tzinfo | None) -> datetime:
    """The first moment after ``begun`` at which clocks in the zone show ``clock``."""
    eve = begun.astimezone(zone).date() - timedelta(days=1)
    days = (eve + timedelta(days=number) for number in range(_DAYS + 1))
    moments = (datetime.combine(day, clock, zone).astimezone(UTC) for day in days)
    return next(moment for moment in moments if moment > begun)


def _moment(until: str, zone: tzinfo | None) -> datetime:
    try:
        moment = datetime.fromisoformat(until.strip())
    except ValueError as error:
        raise _bad(until) from error
    if ":" not in until:  # a date alone: its first moment or its last?
        raise _bad(until)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _bad(until: str) -> FatalError:
    return FatalError(
        f"--until {until!r}: expected a time such as 06:00, or a date and time such as "
        "2026-11-28T06:00 or 2026-11-28T06:00+01:00"
    )
