"""Answers as the lines of a file: every one by face, each face with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from headcount.answers.file import WrittenLine
from headcount.answers.record import Answer, FaceMark
from headcount.contract.frames import UNKNOWN
from headcount.contract.layout import PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.people.faces_here import look_up
from orchestrator.people.latest_assignments import active_pack, pack_ids, read_latest
from orchestrator.people.stored_faces import Face, Source

_BY_FACE = frozenset({"name", "confirm"})


@dataclass(frozen=True, slots=True)
class Written:
    """Lines of a file, and the number of faces left out, since no place of theirs is known."""

    lines: list[WrittenLine]
    left_out: int


def written(
    store: Store,
    s3: S3Settings,
    chosen: Sequence[tuple[Answer, tuple[str, ...]]],
) -> Written:
    """The lines that say what ``chosen`` answers say, in order.

    Beside each stand the faces of the cluster that it means. A `name` is that of its references,
    and a `confirm` of its other faces.
    """
    ids = {mark.face_id for answer, _ in chosen for mark in answer.faces} - {""}
    ids.update(face for _, members in chosen for face in members)
    faces = _faces(store, s3, ids)
    lines: list[WrittenLine] = []
    left_out = 0
    for answer, members in chosen:
        marks = _marks(answer, members, faces)
        there = [mark for mark in marks if mark.content]
        left_out += len(marks) - len(there)
        if there or not marks:
            lines += _lines(answer, there)
    return Written(lines, left_out)


def _faces(store: Store, s3: S3Settings, ids: set[str]) -> dict[str, Face]:
    """Faces by id, of the pack in use or else of another that is there."""
    used, found = active_pack(store).pack_id, dict[str, Face]()
    for pack in [used, *(one for one in pack_ids(store) if one != used)]:
        left = ids - found.keys()
        if left:
            latest = list(read_latest(store, PackKeys(pack)))
            found |= look_up(Source(store, s3, latest), ids=left).faces
    return found


def _marks(answer: Answer, members: Iterable[str], faces: Mapping[str, Face]) -> list[FaceMark]:
    """Marks of all faces that an answer means, with their places as they are known today."""
    marks = list(answer.faces)
    known = {mark.face_id for mark in marks}
    nowhere = {"content": "", "box": (0.0, 0.0, 0.0, 0.0), "reference": False}
    marks += [FaceMark.model_validate({"face_id": f, **nowhere}) for f in members if f not in known]
    return [
        mark.model_copy(update={"content": face.content, "box": face.box, "frame": face.frame})
        if (face := faces.get(mark.face_id)) is not None
        else mark
        for mark in marks
    ]


def _lines(answer: Answer, marks: Sequence[FaceMark]) -> list[WrittenLine]:
    """The lines of one answer: two where only some of its faces are references."""
    if answer.what not in _BY_FACE:
        return [_line(answer, answer.what, marks)]
    parts: dict[str, list[FaceMark]] = {"name": [], "confirm": []}
    for mark in marks:
        parts["name" if mark.reference and answer.what == "name" else "confirm"].append(mark)
    return [_line(answer, what, some) for what, some in parts.items() if some]


def _line(answer: Answer, what: str, marks: Sequence[FaceMark]) -> WrittenLine:
    sides = [[mark for mark in marks if (mark.side == 1) is second] for second in (False, True)]
    ordered = [mark for side in sides for mark in side]
    person = answer.person or answer.person_id or ""
    renamed = what == "rename"
    return WrittenLine(
        what,
        person=answer.new_person or "" if renamed else person,
        photo=answer.photo or "",
        subject=person if renamed else "",
        sides=_ids(answer, sides),
        contents=tuple(mark.content for mark in ordered),
        boxes=tuple(mark.box for mark in ordered),
        orientations=tuple(_turn(mark) for mark in ordered),
        said_at=answer.at.isoformat(),
        said_by=answer.by or "",
    )


def _ids(answer: Answer, sides: Sequence[Sequence[FaceMark]]) -> tuple[tuple[str, ...], ...]:
    """The ids of each side; one side where a `same` binds its faces exactly."""
    ids = [tuple(mark.face_id for mark in side) for side in sides]
    exact = answer.what == "same" and not answer.clusters
    return ((*ids[0], *ids[1]),) if exact or not ids[1] else tuple(ids)


def _turn(mark: FaceMark) -> int:
    """The orientation of a mark's box; 0 where it is not known."""
    return 0 if mark.frame == UNKNOWN else mark.frame[2] or 1
