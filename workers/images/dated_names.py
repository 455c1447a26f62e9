"""Times in the names that cameras, telephones and programs give to photos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from workers.images.clock import Clock, NoTimeError, read_clock

_YEAR = r"(?P<year>(?:18|19|20)\d\d)"
_DATE = rf"{_YEAR}(?P<sep>[-_.]?)(?P<month>\d\d)(?P=sep)(?P<day>\d\d)"
_PATTERNS = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)", re.ASCII)
    for pattern in (
        rf"{_DATE}(?:[-_ T]| at )?(?P<hour>\d\d)[-_.:]?(?P<minute>\d\d)[-_.:]?(?P<second>\d\d)"
        r"(?:[-_.]?(?P<part>\d{3}))?",
        rf"{_YEAR}(?P<sep>[-_.])(?P<month>\d\d)(?P=sep)(?P<day>\d\d)",
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)-WA\d+",
    )
)
"""A date with a time, as IMG_20190704_153012, 2019-07-04 15.30.12 or 20190704153012; a date with
marks between its numbers; WhatsApp's date, which is the day on which the photo was sent."""
_UTC = re.compile(r"PXL_\d{8}_\d{9}")
"""Google's Pixel phones name photos by UTC."""


def time_in_name(key: str, *, now: datetime) -> Clock | None:
    """The first possible time in a file's name, or else date: its midnight; None without one."""
    name = key.rpartition("/")[2]
    offset = "Z" if _UTC.match(name) else ""
    for text, fraction in _times(name):
        try:
            return read_clock(text, fraction, offset, now=now)
        except NoTimeError:
            continue
    return None


def _times(name: str) -> Iterator[tuple[str, str]]:
    """Yield what looks like a time, and the fraction of its second."""
    for pattern in _PATTERNS:
        for found in pattern.finditer(name[:255]):
            said = found.groupdict()
            text = f"{said['year']}-{said['month']}-{said['day']}"
            if said.get("hour"):
                text += f" {said['hour']}:{said['minute']}:{said['second']}"
            yield text, said.get("part") or ""
