"""Marks of faces at forgotten places: nothing is said of them any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from headcount.answers.record import SAME_PLACE, FaceMark, overlap
from headcount.contract.forgotten import Place, forgotten_places
from headcount.contract.frames import UNKNOWN, Frame
from headcount.errors import FatalError
from headcount.storage.base import Store

Places = Mapping[str, Sequence[Place]]
"""Forgotten places by content, as forgotten_places reads them."""


def is_forgotten(mark: FaceMark, places: Places) -> bool:
    """Whether a mark is at a forgotten place.

    A face that is known by its id is not judged by a box in an unknown frame.
    """
    frame = Frame(*mark.frame)
    if mark.face_id and frame == UNKNOWN:
        return False
    near = places.get(mark.content, ())
    return any(overlap(mark.box, place.box_in(frame)) >= SAME_PLACE for place in near)


def forgotten_fault(mark: FaceMark, places: Places) -> str | None:
    """The reason why nothing may be said of the face of a mark, in words; None where it may."""
    if not is_forgotten(mark, places):
        return None
    return (
        "the face at this place was forgotten: `headcount forget --undo` first, if that is to end"
    )


def require_no_forgotten_face(store: Store, marks: Iterable[FaceMark]) -> None:
    """Raise FatalError where one of the marks is at a forgotten place."""
    placed = [mark for mark in marks if mark.content]
    places = forgotten_places(store) if placed else {}
    for mark in placed if places else ():
        if fault := forgotten_fault(mark, places):
            raise FatalError(fault)
