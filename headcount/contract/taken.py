"""When a photo was taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

TakenSource = Literal["exif", "xmp", "iptc", "file name", "list"]


@dataclass(frozen=True, slots=True)
class Taken:
    """The time at which a photo was taken: by the clock on the wall, without a zone.

    ``offset`` is what that clock was ahead of UTC, in minutes; None where nothing says it.
    ``source`` says where the time stands. ``reason`` says why a date that is there does not count.
    """

    at: datetime | None = None
    offset: int | None = None
    source: TakenSource | None = None
    reason: str | None = None


UNKNOWN = Taken()
"""Nothing says when it was taken."""
