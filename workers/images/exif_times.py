"""Times in EXIF: those at which a photo was taken and digitised, and that of its last change."""

from __future__ import annotations

from dataclasses import dataclass

from workers.images.tags import EXIF_IFD, Tags

_CHANGED = 0x0132
_TIMES = {"taken": (0x9003, 0x9291, 0x9011), "digitised": (0x9004, 0x9292, 0x9012)}
"""Tags of a time, of the fraction of its second, and of its offset to UTC."""
_WANTED = frozenset({_CHANGED, EXIF_IFD, *(tag for tags in _TIMES.values() for tag in tags)})


@dataclass(frozen=True, slots=True)
class ExifTime:
    """A time as EXIF says it, in texts: of a clock, of a fraction, of an offset to UTC."""

    clock: str
    fraction: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True)
class ExifTimes:
    """The times in EXIF; None where a tag is not there."""

    taken: ExifTime | None = None
    digitised: ExifTime | None = None
    changed: ExifTime | None = None


def exif_times(exif: bytes) -> ExifTimes:
    """The times of an EXIF block, also where its first directory is EXIF's own, as in a CR3."""
    try:
        tags = Tags(exif)
    except ValueError:
        return ExifTimes()
    found = tags.read(tags.first, _WANTED)
    if pointer := found.pop(EXIF_IFD, b""):
        found = tags.read(tags.offset(pointer), _WANTED) | found
    texts = {tag: _text(value) for tag, value in found.items()}
    taken, digitised = (_time(texts, *tags) for tags in _TIMES.values())
    changed = ExifTime(texts[_CHANGED]) if _CHANGED in texts else None
    return ExifTimes(taken, digitised, changed)


def _time(texts: dict[int, str], clock: int, fraction: int, offset: int) -> ExifTime | None:
    if clock not in texts:
        return None
    return ExifTime(texts[clock], texts.get(fraction, ""), texts.get(offset, ""))


def _text(value: bytes) -> str:
    return value[:64].partition(b"\0")[0].decode("latin-1")
