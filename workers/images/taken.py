"""The time at which a photo was taken: the first that holds of what its file, name and list say.

EXIF's time of the last change (DateTime) never counts: scanners and editors write it without the
others, and a wrong date is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from headcount.contract.taken import Taken, TakenSource
from headcount.regions.xmp import Xmp, text_of
from workers.images.clock import NoTimeError, read_clock
from workers.images.dated_names import time_in_name
from workers.images.exif_times import ExifTimes
from workers.images.iim import DATE_CREATED, TIME_CREATED, DataSet

Iim = Mapping[DataSet, Sequence[str]]

_XMP = (
    "http://ns.adobe.com/exif/1.0/DateTimeOriginal",
    "http://ns.adobe.com/photoshop/1.0/DateCreated",
    "http://ns.adobe.com/xap/1.0/CreateDate",
)
_WORDS = {"exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "list": "list"}
_CHANGED = "EXIF: the time of the last change alone"


@dataclass(frozen=True, slots=True)
class _Said:
    """A time as a file says it, in texts."""

    source: Literal["exif", "xmp", "iptc"]
    clock: str
    fraction: str = ""
    offset: str = ""


def when_taken(
    exif: ExifTimes, xmp: Xmp, iim: Iim, *, key: str, listed: str, now: datetime
) -> Taken:
    """The time of a photo, or the reasons why none of the dates that are there counts."""
    faults: dict[str, None] = {}
    for said in (*_in_exif(exif), *_in_xmp(xmp), *_in_iptc(iim)):
        try:
            clock = read_clock(said.clock, said.fraction, said.offset, now=now)
        except NoTimeError as error:
            faults[f"{_WORDS[said.source]}: {error}"] = None
        else:
            return Taken(clock.at, clock.offset, said.source)
    if exif.changed and not (exif.taken or exif.digitised):
        faults[_CHANGED] = None
    return _without_file(key, listed, faults, now)


def _without_file(key: str, listed: str, faults: dict[str, None], now: datetime) -> Taken:
    """The time in the photo's name, or else its list's; the ``faults`` of others without."""
    source: TakenSource = "file name"
    clock = time_in_name(key, now=now)
    if clock is None and listed.strip():
        source = "list"
        try:
            clock = read_clock(listed, now=now)
        except NoTimeError as error:
            faults[f"{_WORDS[source]}: {error}"] = None
    if clock is None:
        return Taken(reason="; ".join(faults) or None)
    return Taken(clock.at, clock.offset, source)


def _in_exif(times: ExifTimes) -> Iterator[_Said]:
    for time in (times.taken, times.digitised):
        if time is not None:
            yield _Said("exif", time.clock, time.fraction, time.offset)


def _in_xmp(xmp: Xmp) -> Iterator[_Said]:
    for name in _XMP:
        if text := text_of(xmp.get(name)):
            yield _Said("xmp", text)


def _in_iptc(iim: Iim) -> Iterator[_Said]:
    """Yield the day and time of creation, which are written without marks between numbers."""
    for date in iim.get(DATE_CREATED, ())[:1]:
        time = next(iter(iim.get(TIME_CREATED, ())), "")
        clock = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        if time[:6].isdigit():
            clock += f" {time[:2]}:{time[2:4]}:{time[4:6]}"
        yield _Said("iptc", clock, offset=time[6:])
