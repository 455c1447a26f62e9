"""Decisions of people on faces, kept in the archive: names, rejections, links.

Each decision is an object of its own that is written once. It marks its faces by id, and by content
and box, so that it holds for another model pack or profile too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from headcount.contract.forgotten import require_none_under_way, require_not_forgotten
from headcount.contract.frames import UNKNOWN
from headcount.contract.layout import DECISIONS
from headcount.contract.record import Record, find_record, now
from headcount.storage.base import Store

Action = Literal["name", "reject", "same", "different"]

SAME_PLACE = 0.5
"""Two boxes in one content that share this (intersection over union) are one face."""


class FaceMark(BaseModel):
    """One face: its id, and its box in the photo whose bytes have the SHA-256 ``content``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    face_id: str
    content: str
    box: tuple[float, float, float, float]
    side: Literal[0, 1] | None = None
    """The side of a face, where a decision is on two faces or clusters."""
    reference: bool = True
    """Whether the face becomes a reference of the person whose name it gets."""
    frame: tuple[int, int, int] = UNKNOWN
    """Width, height and orientation of the photo that the box is in; UNKNOWN in earlier marks."""


class DecisionRecord(Record):
    """One decision of a person.

    ``name``: these faces are this person. ``reject``: none of them is this person.
    ``same``: they are all one person. ``different``: none of the one side is any of the other.
    """

    at: datetime
    action: Action
    faces: tuple[FaceMark, ...]
    person_id: str | None = None
    person: str | None = None
    source: str | None = None
    """The collection that the faces are in: its URI."""
    clusters: tuple[str, ...] = ()
    """The two clusters (or a face and a cluster) that were spoken of; none where two faces were."""
    cluster: str | None = None
    """The cluster that was named: it means all faces that ``job_id`` put there, marked or not."""
    job_id: str | None = None
    """The latest job when a name was given; None in names that were given before this was kept."""

    @property
    def moment(self) -> tuple[str, str] | None:
        """The job, and the cluster of it that was named; None where no cluster was."""
        if self.cluster is None or self.job_id is None:
            return None
        return self.job_id, self.cluster


def write(store: Store, decision: DecisionRecord) -> None:
    """Add a decision."""
    key = f"{DECISIONS}{decision.at:%Y%m%d-%H%M%S.%f}-{secrets.token_hex(4)}.json"
    store.put(key, decision.to_bytes())


def decide(
    store: Store,
    action: Action,
    faces: tuple[FaceMark, ...],
    *,
    person: tuple[str, str | None] | None = None,
    source: str | None = None,
    clusters: tuple[str, ...] = (),
    cluster: str | None = None,
    job_id: str | None = None,
) -> DecisionRecord:
    """Record a decision on faces; ``person`` is an id and a name.

    ``cluster`` is the one that was named, with the job that put its faces into it.

    Raises TransientError where somebody is being forgotten, who may be in these faces; and
    FatalError where the person was forgotten since this was begun.
    """
    require_none_under_way(store)
    if person is not None:
        require_not_forgotten(store, *person)
    decision = DecisionRecord(
        at=now(),
        action=action,
        faces=faces,
        person_id=person[0] if person else None,
        person=person[1] if person else None,
        source=source,
        clusters=clusters,
        cluster=cluster,
        job_id=job_id,
    )
    write(store, decision)
    return decision


def read(store: Store) -> Iterator[tuple[str, DecisionRecord]]:
    """Every decision with its key, oldest first."""
    for info in store.list(DECISIONS):
        if decision := find_record(store, info.key, DecisionRecord):
            yield info.key, decision


def named_jobs(store: Store) -> set[str]:
    """The jobs whose assignments say which faces an answer means."""
    return {record.moment[0] for _, record in read(store) if record.moment is not None}


def with_faces(decision: DecisionRecord, faces: Iterable[str]) -> DecisionRecord:
    """A decision that marks further faces by their ids alone; they become no references."""
    known = {mark.face_id for mark in decision.faces}
    nowhere = (0.0, 0.0, 0.0, 0.0)
    added = (
        FaceMark(face_id=face, content="", box=nowhere, reference=False)
        for face in faces
        if face not in known
    )
    return decision.model_copy(update={"faces": (*decision.faces, *added)})


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
