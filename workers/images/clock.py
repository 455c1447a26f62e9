"""Dates and times as texts of files: read, and refused where they cannot be a photo's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FIRST_YEAR = 1826
"""The year of the oldest photograph that there is (Niépce's view from his window)."""
_UNSET = (datetime(1904, 1, 1), datetime(1970, 1, 1), datetime(1980, 1, 1))
"""Midnights at which a clock stands that nobody set: of Apple's, Unix' and DOS' time."""
_WIDEST = 14 * 60
"""Minutes by which a clock may be away from UTC (Kiribati)."""

_TIME = re.compile(
    r"\s*(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)"
    r"(?:[T ]+(\d\d?|  ):(\d\d|  )(?::(\d\d|  )(?:[.,](\d{1,9}))?)?)?"
    r"\s*(?:GMT|UTC)?(Z|[+-]\d\d:?\d\d)?\s*",
    re.ASCII,
)
_YEAR = re.compile(r"\d{4}(?:[:-](?:00|\d\d))?(?:[:-]00)?", re.ASCII)
_BLANK = re.compile(r"[\s:]*")
_NEVER = re.compile(r"0000[:/.-]00[:/.-]00.*", re.ASCII)
_PLAIN = re.compile(r"[\d\s:/.,TZ+-]{4,40}", re.ASCII)
"""Texts that may be repeated: others may say anything."""


class NoTimeError(ValueError):
    """The reason, in words, why a text is no time at which a photo was taken."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What a clock on the wall showed, to the millisecond, and its minutes ahead of UTC."""

    at: datetime
    offset: int | None = None


def read_clock(text: str, fraction: str = "", offset: str = "", *, now: datetime) -> Clock:
    """Read a date, with or without a time, as EXIF, XMP, ISO 8601 and data frames write it.

    A date without a time is its midnight. Raises NoTimeError; ``now`` is what lies ahead of.
    """
    found, text = _TIME.fullmatch(text[:64]), text.strip()
    if found is None or _NEVER.fullmatch(text):
        raise NoTimeError(_fault(text))
    year, month, day, hour, minute, second, part, zone = found.groups()
    numbers = (int(n) if n and n.strip() else 0 for n in (year, month, day, hour, minute, second))
    try:
        at = datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        raise NoTimeError(f"there is no {text}") from None
    at += timedelta(milliseconds=_milliseconds(part or fraction))
    _refuse_impossible(at, now, known=bool(hour and hour.strip()))
    return Clock(at, _minutes(zone or offset))


def utc_now() -> datetime:
    """The time by the clock of UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _fault(text: str) -> str:
    """The reason why a text is no date."""
    if _BLANK.fullmatch(text):
        return "the date is blank"
    if _NEVER.fullmatch(text):
        return f"the date was never set: {text[:40]}"
    if _YEAR.fullmatch(text):
        return f"{text} is no day"
    return f"{text} is no date" if _PLAIN.fullmatch(text) else "the text is no date"


def _refuse_impossible(at: datetime, now: datetime, *, known: bool) -> None:
    """Raise NoTimeError for times before photography, ahead of now, and of clocks never set."""
    if at.year < FIRST_YEAR:
        raise NoTimeError(f"{at:%Y} was before photography".lstrip("0"))
    if at > now + timedelta(days=1):
        raise NoTimeError(f"{at:%Y-%m-%d} is in the future")
    if known and at in _UNSET:
        raise NoTimeError(f"{at:%Y-%m-%d} is where a clock stands that was not set")


def _milliseconds(fraction: str) -> int:
    """Milliseconds of the digits after a second's point; none of anything else."""
    digits = fraction.strip()[:3]
    return int(digits.ljust(3, "0")) if digits.isascii() and digits.isdigit() else 0


def _minutes(offset: str) -> int | None:
    """Minutes ahead of UTC; None of what is no offset."""
    offset = offset.strip()
    if offset == "Z":
        return 0
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", offset)
    if found is None:
        return None
    minutes = (60 * int(found[2]) + int(found[3])) * (-1 if found[1] == "-" else 1)
    return minutes if abs(minutes) <= _WIDEST and int(found[3]) < 60 else None
