"""An answer: what a person says of faces. What the program says of a face is its decision.

An answer marks its faces by id, and by content and box, so that it holds for another model pack or
profile too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from headcount.contract.frames import UNKNOWN
from headcount.contract.record import Record

What = Literal[
    "name",
    "confirm",
    "not",
    "same",
    "apart",
    "dismiss",
    "not_a_face",
    "reference",
    "no_reference",
    "rename",
    "accept_absent",
    "face",
    "undo",
]
"""The words of answers.

``name``: these faces are this person, and the best of them become references. ``confirm``: they are
this person, and become no references. ``not``: none of them is this person. ``same``: they are all
one person. ``apart``: none of the one side is any of the other. ``dismiss``: leave this stranger
alone. ``not_a_face``: there is no face. ``reference`` and ``no_reference``: the face is, or is not,
a reference of the person whose name it has. ``rename``: the person has another name from now on.
``accept_absent``: the person's absence from a photo or scope is known and fine. ``face``: there is
a face in this box, drawn by hand. ``undo``: another answer never was.
"""
WHATS: tuple[What, ...] = get_args(What)

SAME_PLACE = 0.5
"""Two boxes in one content that share this (intersection over union) are one face."""

_EARLIER_WORDS = {"reject": "not", "different": "apart"}


class FaceMark(BaseModel):
    """One face: its id, and its box in the photo whose bytes have the SHA-256 ``content``.

    A mark without an id is a place: a face drawn by hand, or one that a file names by its box.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    face_id: str
    content: str
    box: tuple[float, float, float, float]
    side: Literal[0, 1] | None = None
    """The side of a face, where an answer is on two faces or clusters."""
    reference: bool = True
    """Whether the face becomes a reference of the person whose name it gets."""
    frame: tuple[int, int, int] = UNKNOWN
    """Width, height and orientation of the photo that the box is in; UNKNOWN in earlier marks."""


class Answer(BaseModel):
    """One answer of a person.

    ``cluster`` was answered for as a whole: all faces that the job ``job_id`` put there are meant,
    marked or not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default_factory=lambda: secrets.token_hex(6))
    what: What
    at: datetime = Field(description="when it was said; of contradicting answers the later holds")
    recorded: datetime | None = Field(None, description="when it was recorded; None: when said")
    by: str | None = Field(None, description="who said it, where a file tells")
    faces: tuple[FaceMark, ...] = ()
    person_id: str | None = None
    person: str | None = None
    new_person_id: str | None = Field(None, description="of `rename`: the id of the new name")
    new_person: str | None = None
    source: str | None = Field(None, description="the collection that the faces are in: its URI")
    photo: str | None = Field(
        None, description="of `face` the photo's key, of `accept_absent` the key or scope"
    )
    clusters: tuple[str, ...] = Field(
        (), description="the two clusters (or a face and a cluster) that a link spoke of"
    )
    cluster: str | None = None
    job_id: str | None = None
    undoes: str | None = Field(None, description="of `undo`: the id of the other answer")

    @property
    def moment(self) -> tuple[str, str] | None:
        """The job, and the cluster of it that was meant; None where no cluster was."""
        if self.cluster is None or self.job_id is None:
            return None
        return self.job_id, self.cluster


class AnswersRecord(Record):
    """``decisions/<time>.json``: answers that were recorded together."""

    answers: tuple[Answer, ...]


class EarlierRecord(Record):
    """One answer as builds before 0.2 recorded it, in an object of its own."""

    at: datetime
    action: Literal["name", "reject", "same", "different"]
    faces: tuple[FaceMark, ...]
    person_id: str | None = None
    person: str | None = None
    source: str | None = None
    clusters: tuple[str, ...] = ()
    cluster: str | None = None
    job_id: str | None = None

    def answer(self, key: str) -> Answer:
        """The answer; its id is the end of the object's key."""
        fields = self.model_dump(exclude={"version", "action", "faces"})
        return Answer(
            id=key.removesuffix(".json").rsplit("-", 1)[-1],
            what=_EARLIER_WORDS.get(self.action, self.action),
            faces=self.faces,
            **fields,
        )


def with_faces(answer: Answer, faces: Iterable[str]) -> Answer:
    """An answer that marks further faces by their ids alone; they become no references."""
    known = {mark.face_id for mark in answer.faces}
    nowhere = (0.0, 0.0, 0.0, 0.0)
    added = (
        FaceMark(face_id=face, content="", box=nowhere, reference=False)
        for face in faces
        if face not in known
    )
    return answer.model_copy(update={"faces": (*answer.faces, *added)})


def overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
