"""The vocabulary as values: outcomes, decisions, and the facts kept of photos and faces."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from headcount.contract.reading import FIRST
from headcount.contract.taken import UNKNOWN, Taken


class Outcome(StrEnum):
    """The outcome of a photo. Every photo of a collection has exactly one."""

    FACES = "faces"
    NO_FACE = "no_face"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    MISSING = "missing"
    DENIED = "denied"
    CRASHED = "crashed"

    @property
    def processed(self) -> bool:
        """Whether the photo was looked at; otherwise it counts as a failure of the run."""
        return self in (Outcome.FACES, Outcome.NO_FACE)

    @property
    def may_change(self) -> bool:
        """Whether the same photo, unchanged, is worth another try in the next run."""
        return self in (Outcome.MISSING, Outcome.DENIED)


PROCESSED = frozenset(outcome for outcome in Outcome if outcome.processed)
"""The outcomes of photos that were looked at."""


class Decision(StrEnum):
    """The decision of the program on a face."""

    MATCHED = "matched"
    INFERRED = "inferred"
    UNKNOWN = "unknown"
    IGNORED = "ignored"


ReferenceState = Literal[
    "enrolled",
    "known",
    "withdrawn",
    "no_face",
    "ambiguous",
    "blurred",
    "cut_off",
    "unlike",
    "unreadable",
    "shared",
    "bad_name",
]
"""The outcome of a reference photo: all but the first three were refused."""

EXPECTED_HERE = "expected here"
"""The evidence for a name that only a roster gives."""

NAMED_BY_PERSON = "named by a person"
"""The evidence for a name that somebody gave the face, or the cluster that it was in."""

ANOTHER_FACE = "another face of the photo has the name"
"""The evidence that leaves a face without the name of its nearest person."""

REJECTED = "rejected by a person"
"""The evidence that leaves a face without the name of the person that it was most like."""

BY_HAND = "by hand"
"""The pass of a face that nobody detected: a person drew its box."""

DrawnBox = tuple[int, int, int, int]
"""Left, top, width and height of a box drawn by hand, in the pixels of the file as stored."""

DISMISSED = "dismissed by a person"
"""The evidence of an unknown face that somebody wants to be left alone."""

NOT_A_FACE = "no face, said a person"
"""The evidence of a face that is ignored since somebody said that it is none."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright photo: left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def area(self) -> float:
        """The area in square pixels."""
        return self.w * self.h


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo and its outcome.

    ``width`` and ``height`` are those of the upright photo, 0 where they could not be read;
    ``orientation`` is the EXIF value 1..8 of the turn that was applied, whatever said it, 0 where
    it could not be read;
    ``content`` is the SHA-256 of the bytes, empty where they could not be fetched; ``reading`` is
    that of the rows of its faces. ``stored_width`` and ``stored_height`` are those of the file,
    before ``orientation`` was applied, 0 where they could not be read. ``carried`` is the JSON of
    regions, names and keywords that the file carries, None without.
    """

    key: str
    etag: str
    size: int
    outcome: Outcome
    reason: str | None = None
    width: int = 0
    height: int = 0
    orientation: int = 0
    faces: int = 0
    content: str = ""
    reading: int = FIRST
    stored_width: int = 0
    stored_height: int = 0
    taken: Taken = UNKNOWN
    carried: str | None = None


NAME_LIMIT = 200
"""Characters of a person's name, at most."""


def person_name(text: str) -> str:
    """A person's name as it is kept: composed (Unicode NFC), without the blanks around it."""
    return unicodedata.normalize("NFC", text).strip()


def name_fault(name: str) -> str | None:
    """The reason why a name cannot be a person's, in words; None where it can."""
    if not name:
        return "a person needs a name"
    if len(name) > NAME_LIMIT:
        return f"a name has at most {NAME_LIMIT} characters, and this one has {len(name):,}"
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        return "a name has no line breaks, tabs or other control characters"
    return None


def names_alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ by upper and lower case only."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[name.casefold()].add(name)
    return [tuple(sorted(group)) for _, group in sorted(groups.items()) if len(group) > 1]


def person_id(name: str) -> str:
    """The id of the person enrolled under ``name``; equal names give equal ids everywhere."""
    return "p" + hashlib.sha256(person_name(name).encode()).hexdigest()[:15]


def face_id(content: str, pack_id: str, profile: str, number: int, reading: int = FIRST) -> str:
    """The id of face ``number`` of a photo: same photo content, same pack and reading, same id.

    Faces are numbered best first, which is a pure function of the photo's bytes, the pack, the
    reading and the profile it was searched with; another of these finds others, so its ids are
    its own. Two copies of one photo share face ids; the pair (photo, face_id) is unique in a
    collection. Ids of the first reading do not name it: they are older than readings.
    """
    parts = [content, pack_id, profile, str(number)]
    if reading != FIRST:
        parts.append(str(reading))
    return "f" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:23]


def drawn_face_id(content: str, pack_id: str, box: DrawnBox) -> str:
    """The id of a face drawn by hand: by photo content, pack and box, whatever else is found there.

    It needs no number among the photo's faces, so that it shifts no other id, and neither profile
    nor reading: a person looked, and looks the same with each.
    """
    parts = [content, pack_id, BY_HAND, *map(str, box)]
    return "f" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:23]


def is_face_id(text: str) -> bool:
    """Whether a text is the id of a face: the etag of a reference that was named, not put there."""
    return re.fullmatch("f[0-9a-f]{23}", text) is not None


def new_job_id(at: datetime) -> str:
    """An id for a job: sorts by time, unique across machines."""
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
