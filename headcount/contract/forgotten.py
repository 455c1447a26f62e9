"""Tombstones: they keep later runs from bringing a forgotten person back.

A tombstone holds the person's id (a hash of the name) and the places of the forgotten faces: boxes
in contents. No name, no face id, no vector.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from headcount.contract.frames import Box4, Frame, moved_box
from headcount.contract.layout import FORGETTING, FORGOTTEN
from headcount.contract.record import Record, find_record
from headcount.errors import FatalError, TransientError
from headcount.storage.base import Store

CONFIRMED_SECONDS = 1.0
"""A worker that saw so lately that it may write does not look again; `forget` waits as long."""


class Place(BaseModel):
    """A forgotten face: its box in the photo whose bytes have the SHA-256 ``content``.

    With the frame that the box is in; 0 where an earlier build did not keep it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: str
    box: Box4
    width: int = 0
    height: int = 0
    orientation: int = 0

    @classmethod
    def of(cls, content: str, box: Box4, frame: Frame) -> Place:
        """The place of a face in a frame of its photo."""
        return cls(content=content, box=box, **frame._asdict())

    @property
    def frame(self) -> Frame:
        """The frame of its box; UNKNOWN where that was not kept."""
        return Frame(self.width, self.height, self.orientation)

    def box_in(self, frame: Frame) -> Box4:
        """Its box in another frame of the photo."""
        return moved_box(self.box, self.frame, frame)


class Unreached(BaseModel):
    """Results of an earlier job that could not be rewritten, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    reason: str


class OtherName(BaseModel):
    """An earlier or later name of a person who was renamed; the name itself goes when done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person_id: str
    person: str | None = None


class ForgottenRecord(Record):
    """``forgotten/<person_id>.json``: the tombstone and, when all is removed, the receipt.

    A person who was renamed has one tombstone with all names, and for each other name one that
    only points to it.
    """

    person_id: str
    at: datetime
    state: Literal["removing", "done"]
    person: str | None = Field(None, description="the name, while its traces are looked for")
    faces: tuple[str, ...] = Field((), description="ids of the faces to remove; none when done")
    photos: tuple[tuple[str, str], ...] = Field(
        (), description="collection and key of their photos; none when done"
    )
    places: tuple[Place, ...] = ()
    others: tuple[OtherName, ...] = ()
    same_as: str | None = Field(None, description="the person's id whose tombstone says all")
    removed: dict[str, int] = Field({}, description="the receipt: what was removed, and how many")
    unreached: tuple[Unreached, ...] = Field(
        (), description="results that the person may still be in, since they were out of reach"
    )

    def by_each_name(self) -> tuple[ForgottenRecord, ...]:
        """The tombstone as that of each of the person's names, this one first."""
        return (
            self,
            *(self.model_copy(update=dict(other)) for other in self.others),
        )


class ForgettingRecord(Record):
    """``forgetting.json``: the person being forgotten. While it is there, no job may write."""

    person_id: str
    at: datetime


def under_way(store: Store) -> ForgettingRecord | None:
    """The `forget` that is at work in the archive, or was interrupted."""
    return find_record(store, FORGETTING, ForgettingRecord)


def require_none_under_way(store: Store) -> None:
    """Raise TransientError where a `forget` is at work, or was interrupted."""
    if mark := under_way(store):
        raise TransientError(still_under_way(mark))


def still_under_way(mark: ForgettingRecord) -> str:
    """The advice on a `forget` that is under way, in words."""
    return (
        f"a person is being forgotten: where that was interrupted, `headcount forget "
        f"{mark.person_id}` ends it"
    )


def tombstone_key(person_id: str) -> str:
    """The key of a person's tombstone."""
    return f"{FORGOTTEN}{person_id}.json"


def is_forgotten(store: Store, person_id: str) -> bool:
    """Whether a person was forgotten."""
    return find_record(store, tombstone_key(person_id), ForgottenRecord) is not None


def require_not_forgotten(store: Store, person_id: str, name: str | None) -> None:
    """Raise FatalError where a person was forgotten."""
    if is_forgotten(store, person_id):
        raise FatalError(
            f"{name or person_id} was forgotten: `headcount forget --undo` first, if that is to end"
        )


def forgotten_people(store: Store) -> frozenset[str]:
    """The ids of everybody who was forgotten."""
    return frozenset(PurePosixPath(info.key).stem for info in store.list(FORGOTTEN))


def tombstones(store: Store) -> frozenset[tuple[str, str]]:
    """The key and etag of every tombstone: another set wherever somebody was forgotten since."""
    return frozenset((info.key, info.etag) for info in store.list(FORGOTTEN))


def forgotten_places(store: Store) -> dict[str, list[Place]]:
    """The places of all forgotten faces by content."""
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for info in store.list(FORGOTTEN):
        if record := find_record(store, info.key, ForgottenRecord):
            for place in record.places:
                places[place.content].append(place)
    return dict(places)
