"""Marks without an id: they are known by the face that another marks at their place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from headcount.answers.record import SAME_PLACE, FaceMark, overlap
from headcount.contract.frames import Frame, moved_box


class MarkIds:
    """Ids of marks; of one without, that of another mark at its place, else the place as text."""

    def __init__(self, marks: Iterable[FaceMark]) -> None:
        self._by_content: defaultdict[str, list[FaceMark]] = defaultdict(list)
        nameless = []
        for mark in marks:
            if mark.face_id and mark.content:
                self._by_content[mark.content].append(mark)
            elif not mark.face_id:
                nameless.append(mark)
        for mark in nameless:
            if self._found(mark) is None:
                known = mark.model_copy(update={"face_id": _place(mark)})
                self._by_content[mark.content].append(known)

    def of(self, mark: FaceMark) -> str:
        """The id of a mark."""
        return mark.face_id or self._found(mark) or _place(mark)

    def _found(self, mark: FaceMark) -> str | None:
        best, most = None, SAME_PLACE
        for other in self._by_content.get(mark.content, ()):
            shared = _overlap(mark, other)
            if shared >= most:
                best, most = other.face_id, shared
        return best


def _overlap(one: FaceMark, other: FaceMark) -> float:
    """Intersection over union of two marks' boxes, as the photo is turned for the other."""
    frames = Frame(*one.frame), Frame(*other.frame)
    here, there = frames[0].sized(frames[1]), frames[1].sized(frames[0])
    return overlap(moved_box(one.box, here, there), other.box)


def _place(mark: FaceMark) -> str:
    return f"{mark.content} {mark.box}"
