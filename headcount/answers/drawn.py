"""Faces drawn by hand: the places that hold, and what they add to the faces found in a photo.

Workers and planning go by the same functions: a photo is embedded again until its rows are what its
answers ask for, and never after that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from headcount.answers.kept import holding
from headcount.answers.record import SAME_PLACE, Answer, FaceMark, overlap
from headcount.contract.frames import Box4, Frame, moved_box
from headcount.contract.vocabulary import BY_HAND, DrawnBox, drawn_face_id

SMALLEST_SIDE = 8.0
"""Least width and height of a drawn box, in pixels of the photo: less is no face, but a slip."""
EDGE = 1.0
"""Pixels by which a box may stand out of its photo: programs round."""


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """A face drawn by hand: its box in the photo's frame, and the same in the stored pixels."""

    box: Box4
    stored: DrawnBox


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face in a row of the archive: id, box, and the pass that detected it."""

    face_id: str
    box: Box4
    found_by: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A place that was drawn; it is ``hidden`` where somebody said later that it is no face."""

    mark: FaceMark
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class HandDrawn:
    """The places drawn by hand that hold, by content of their photos.

    ``contents`` also has those of which nothing holds any more: rows of their photos may have
    faces of answers that were taken back.
    """

    marks: Mapping[str, tuple[FaceMark, ...]] = field(default_factory=dict)
    contents: frozenset[str] = frozenset()

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> HandDrawn:
        """The places of all answers of an archive, in the order in which they were said.

        Of two at one place the later holds. A later `not_a_face` at the place hides it, and a name
        that is given there still later shows it again.
        """
        drawn = (mark for one in answers if one.what == "face" for mark in one.faces)
        contents = frozenset(mark.content for mark in drawn if mark.content)
        places: dict[str, list[_Place]] = {}
        for answer in holding(answers):
            for mark in answer.faces:
                if mark.content in contents:
                    at = places.setdefault(mark.content, [])
                    at[:] = _after(at, answer, mark)
        shown = {
            content: tuple(place.mark for place in some if not place.hidden)
            for content, some in places.items()
        }
        return cls({content: marks for content, marks in shown.items() if marks}, contents)

    def to_add(
        self, content: str, frame: Frame, found: Iterable[Box4], forgotten: Sequence[Box4] = ()
    ) -> list[DrawnFace]:
        """Faces of a photo that were drawn and not ``found`` by themselves, in the order drawn.

        All boxes are in the photo's ``frame``. Places at ``forgotten`` ones are left out, and so
        are places outside the photo.
        """
        seen = [box for box in found if not _is_at(box, forgotten)]
        return [
            DrawnFace(box, _stored(mark, frame))
            for mark in self.marks.get(content, ())
            if not box_fault(box := _box_in(mark, frame), frame)
            and not _is_at(box, forgotten)
            and not _is_at(box, seen)
        ]

    def outside(self, content: str, frame: Frame) -> int:
        """The number of places that were drawn outside the photo: nothing can be done for them."""
        marks = self.marks.get(content, ())
        return sum(box_fault(_box_in(mark, frame), frame) is not None for mark in marks)

    def are_in(
        self,
        rows: Sequence[FoundFace],
        content: str,
        frame: Frame,
        pack_id: str,
        forgotten: Sequence[Box4] = (),
    ) -> bool:
        """Whether a photo's ``rows`` have the faces drawn by hand that hold, and no others."""
        found = [row.box for row in rows if row.found_by != BY_HAND]
        wanted = {
            drawn_face_id(content, pack_id, face.stored)
            for face in self.to_add(content, frame, found, forgotten)
        }
        return wanted == {row.face_id for row in rows if row.found_by == BY_HAND}


def box_fault(box: Box4, frame: Frame) -> str | None:
    """The reason why a box cannot be that of a face drawn in a photo, in words; None if it can.

    ``frame`` is the photo's under the orientation that the box was drawn under.
    """
    x, y, w, h = box
    if not all(map(math.isfinite, box)):
        return "the box has a number that is none"
    if round(min(w, h), 3) < SMALLEST_SIDE:  # boxes that were moved are off by rounding
        return (
            f"the box is {w:.0f} x {h:.0f} pixels: draw a face at least {SMALLEST_SIDE:.0f} pixels "
            "wide and high"
        )
    if 0 in frame[:2]:
        return None  # nobody knows yet how large the photo is
    over = max(-x, -y, x + w - frame.width, y + h - frame.height)
    if round(over, 3) > EDGE:
        return (
            f"the box is not inside the photo, which has {frame.width} x {frame.height} pixels "
            f"under orientation {frame.orientation or 1}"
        )
    return None


def _after(places: Sequence[_Place], answer: Answer, mark: FaceMark) -> list[_Place]:
    """The places of a photo after one more answer marked a face there."""
    if answer.what == "face":
        return [*(place for place in places if not _is_same(place, mark)), _Place(mark)]
    if answer.what not in ("not_a_face", "name", "confirm"):
        return list(places)
    hidden = answer.what == "not_a_face"
    return [replace(one, hidden=hidden) if _is_same(one, mark) else one for one in places]


def _is_same(place: _Place, mark: FaceMark) -> bool:
    frames = [Frame(*place.mark.frame), Frame(*mark.frame)]
    frame = next((known for known in frames if 0 not in known[:2]), frames[0])
    return overlap(_box_in(place.mark, frame), _box_in(mark, frame)) >= SAME_PLACE


def _is_at(box: Box4, others: Iterable[Box4]) -> bool:
    return any(overlap(box, other) >= SAME_PLACE for other in others)


def _box_in(mark: FaceMark, frame: Frame) -> Box4:
    """The box of a mark in the frame of its photo."""
    return moved_box(mark.box, Frame(*mark.frame).sized(frame), frame)


def _stored(mark: FaceMark, frame: Frame) -> DrawnBox:
    """The box of a mark in the pixels of the file as they are stored, rounded."""
    drawn_in = Frame(*mark.frame).sized(frame)
    x, y, w, h = moved_box(mark.box, drawn_in, drawn_in.turned(1))
    return round(x), round(y), round(w), round(h)
