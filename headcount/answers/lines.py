"""A line of a file of answers: its texts as values, checked without a look at any archive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from headcount.answers.record import WHATS, What
from headcount.contract.frames import Box4
from headcount.contract.vocabulary import name_fault, person_name

COLUMNS = (
    "what",
    "ids",
    "person",
    "photo",
    "photo_sha256",
    "box",
    "orientation",
    "said_at",
    "said_by",
)
"""The columns of a file of answers, in the order in which they are written."""
BETWEEN_SIDES = "|"
"""Stands between the two sides of `same` and `apart` among the ids."""
NO_ID = "-"
"""Stands for the id of a face that has a place alone, beside others with ids."""
AHEAD = timedelta(days=1)
"""Time by which a clock may be ahead: what is said later than that was not said yet."""
MAX_PHOTO = 4096
"""Characters of a photo's key or scope, at most: file systems end there, and S3 before."""

_OF_FACES = frozenset(WHATS) - {"rename", "accept_absent", "face", "undo"}
_NEED_PERSON = frozenset({"name", "confirm", "not", "rename", "accept_absent"})
_TAKE_PERSON = _NEED_PERSON | {"face"}
_TWO_SIDED = frozenset({"same", "apart"})
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_SHA256 = re.compile("[0-9a-f]{64}")


class BadLine(ValueError):
    """A line that says nothing that could be recorded; the message says why."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a photo: the photo's SHA-256 or, where that is empty, its key; and a box.

    ``orientation`` is the turn under which the box was drawn; None: today's.
    """

    content: str
    photo: str
    box: Box4
    orientation: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One face or cluster of a line: its id, its place, or both."""

    id: str = ""
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a word and what it speaks of.

    ``sides`` are its faces and clusters: two sides where `same` or `apart` has them. ``subject`` is
    the person of `rename`, and the ids of `undo`. ``said_at`` None: when it is recorded.
    """

    number: int
    what: What
    sides: tuple[tuple[Target, ...], ...] = ((),)
    subject: str = ""
    person: str | None = None
    photo: str | None = None
    said_at: datetime | None = None
    said_by: str | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The faces and clusters of all sides."""
        return tuple(target for side in self.sides for target in side)


def read_line(number: int, texts: Mapping[str, str], now: datetime) -> Line:
    """The line of the texts in its columns; missing ones are empty. Raises BadLine."""
    texts = {name: texts.get(name, "").strip() for name in COLUMNS}
    what = _word(texts["what"])
    person = _person(texts["person"], what)
    photo = _photo(texts["photo"], what)
    subject = texts["ids"] if what in ("rename", "undo") else ""
    if what in ("rename", "undo") and not subject:
        raise BadLine(f"{what} needs ids: " + _SUBJECTS[what])
    return Line(
        number,
        what,
        _sides(texts, what) if what in _OF_FACES or what == "face" else ((),),
        subject,
        person,
        photo,
        _moment(texts["said_at"], now),
        _who(texts["said_by"]),
    )


_SUBJECTS = {
    "rename": "the person's id or present name",
    "undo": "the id of an answer, as `headcount answers` lists it",
}


def _word(text: str) -> What:
    if text not in WHATS:
        said = f"{shortened(text)} is no answer" if text else "what is missing"
        raise BadLine(f"{said}: write one of {', '.join(WHATS)}")
    return text


def _person(text: str, what: What) -> str | None:
    if not text:
        if what in _NEED_PERSON:
            raise BadLine(f"{what} needs a person")
        return None
    if what not in _TAKE_PERSON:
        raise BadLine(f"{what} takes no person")
    name = person_name(text)
    if fault := name_fault(name):
        raise BadLine(fault)
    return name


def _photo(text: str, what: What) -> str | None:
    if len(text) > MAX_PHOTO:
        raise BadLine(f"a photo or scope has at most {MAX_PHOTO:,} characters")
    if "\0" in text:
        raise BadLine("a photo or scope has no zero byte in it")
    if what == "accept_absent" and not text:
        raise BadLine("accept_absent needs a photo: a photo's key, or a scope as in the roster")
    return text or None


def _who(text: str) -> str | None:
    if text and (fault := name_fault(person_name(text))):
        raise BadLine(f"said_by: {fault}")
    return text or None


def _moment(text: str, now: datetime) -> datetime | None:
    """The time in UTC; without an offset it is UTC already."""
    if not text:
        return None
    try:
        said = datetime.fromisoformat(text)
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadLine(
            f"said_at {shortened(text)} is no time: write it as 2026-11-28T10:00:00+00:00"
        ) from error
    if said > now + AHEAD:
        raise BadLine(f"said_at {text} is in the future")
    return said


def _sides(texts: Mapping[str, str], what: What) -> tuple[tuple[Target, ...], ...]:
    """The faces and clusters of each side."""
    ids, cut = _ids(texts["ids"], what)
    spots = _spots(texts, len(ids))
    if what == "face":
        if ids or len(spots) != 1:
            raise BadLine("face needs one box and its photo or photo_sha256, and no ids")
        return ((Target(spot=spots[0]),),)
    if NO_ID in ids and not spots:
        raise BadLine(f"the id {NO_ID} stands for a face that has none, and needs its box")
    targets = [
        Target(ids[n].removeprefix(NO_ID) if ids else "", spots[n] if spots else None)
        for n in range(len(ids) or len(spots))
    ]
    if not targets:
        raise BadLine(f"{what} needs ids of faces or clusters, or a photo_sha256 and box of each")
    if what not in _TWO_SIDED:
        return (tuple(targets),)
    if len(targets) < 2:
        raise BadLine(f"{what} needs two faces or clusters")
    return _two_sides(targets, cut, what)


def _ids(text: str, what: What) -> tuple[list[str], int | None]:
    """The ids, and the number of those before the mark between two sides."""
    words = text.split()
    if BETWEEN_SIDES not in words:
        return words, None
    cut = words.index(BETWEEN_SIDES)
    ids = words[:cut] + words[cut + 1 :]
    if what not in _TWO_SIDED or BETWEEN_SIDES in ids:
        raise BadLine("one ` | ` may stand among the ids of same and apart, and nowhere else")
    if not 0 < cut < len(ids):
        raise BadLine("an id must stand on either side of ` | `")
    return ids, cut


def _two_sides(
    targets: Sequence[Target], cut: int | None, what: What
) -> tuple[tuple[Target, ...], ...]:
    if cut is None and what == "apart" and len(targets) > 2:
        raise BadLine("apart on more than two faces or clusters needs ` | ` between the two sides")
    if cut is None and len(targets) == 2:
        cut = 1
    known = [target.id for target in targets if target.id]
    if len(known) != len(set(known)):
        raise BadLine(f"{next(i for i in known if known.count(i) > 1)} is given twice")
    return (tuple(targets[:cut]), tuple(targets[cut:])) if cut else (tuple(targets),)


def _spots(texts: Mapping[str, str], ids: int) -> list[Spot]:
    """The places of a line; none where it has no box."""
    contents = [_content(word) for word in texts["photo_sha256"].split()]
    boxes = _boxes(texts["box"])
    turns = _turns(texts["orientation"])
    photo = texts["photo"]
    if not boxes:
        if contents:
            raise BadLine("a photo_sha256 needs a box: x y w h")
        return []
    if not (contents or photo):
        raise BadLine("a box needs a photo_sha256 or a photo")
    if ids and len(boxes) != ids:
        raise BadLine(f"{ids:,} ids need as many boxes, and there are {len(boxes):,}")
    if len(contents) == 1 and not ids:
        contents *= len(boxes)
    if contents and len(contents) != len(boxes):
        raise BadLine(f"{len(boxes):,} boxes need as many photo_sha256, not {len(contents):,}")
    if len(turns) not in (0, 1, len(boxes)):
        raise BadLine(f"{len(boxes):,} boxes need one orientation, or as many")
    turns = turns * len(boxes) if len(turns) == 1 else turns
    return [
        Spot(contents[n] if contents else "", photo, box, turns[n] if turns else None)
        for n, box in enumerate(boxes)
    ]


def _content(word: str) -> str:
    if not _SHA256.fullmatch(word.lower()):
        raise BadLine(f"photo_sha256 {shortened(word)} is not 64 hexadecimal digits")
    return word.lower()


def _boxes(text: str) -> list[Box4]:
    words = text.split()
    if len(words) % 4:
        raise BadLine("a box is four numbers with blanks between them: x y w h")
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise BadLine(f"box: {shortened(word)} is no number such as 12.5")
    numbers = [float(word) for word in words]
    boxes = [cast(Box4, tuple(numbers[n : n + 4])) for n in range(0, len(numbers), 4)]
    for box in boxes:
        if not (0 < box[2] < _MOST and 0 < box[3] < _MOST and max(map(abs, box[:2])) < _MOST):
            raise BadLine("a box has a width and a height above 0, in pixels")
    return boxes


_MOST = 1e7
"""Pixels of a photo's side, far more than any has: beyond it areas lose all digits."""


def _turns(text: str) -> list[int]:
    words = text.split()
    for word in words:
        if word not in set("12345678"):
            raise BadLine(f"orientation {shortened(word)} is not 1 to 8, as in EXIF")
    return [int(word) for word in words]


def shortened(text: str, most: int = 40) -> str:
    """A text for a message: cut where it is long."""
    return text if len(text) <= most else f"{text[:most]}..."
