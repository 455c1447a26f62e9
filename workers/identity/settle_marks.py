"""Marks without an id get that of the face at their place, so that they follow it from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa

from headcount.answers.kept import read_objects, replace_object
from headcount.answers.record import Answer, FaceMark
from workers.identity.find_marks import find_marks
from workers.identity.previous_run import base_tables
from workers.tables.pack_tables import PackTables


def settle_marks(
    tables: PackTables,
    faces: pa.Table,
    answers: Iterable[Answer],
    *,
    confirm: Callable[[], None],
) -> None:
    """Write the ids of faces into answers that mark them by place alone.

    A photo that gets other bytes later has its faces followed by their ids. Faces drawn by hand
    stay places, and another pack's faces leave no ids. ``answers`` say whether there is anything to
    do. Doing it again changes nothing. ``confirm`` raises where nothing may be written any more.
    """
    if not any(_is_place(one, mark) for one in answers for mark in one.faces):
        return
    if base_tables(tables) is not None:
        return
    objects = list(read_objects(tables.store))
    places = [
        mark for _, some in objects for one in some for mark in one.faces if _is_place(one, mark)
    ]
    meant = iter(find_marks(tables, faces, places))

    def settled(answer: Answer) -> Answer:
        marks = tuple(
            mark.model_copy(update={"face_id": next(meant) or ""})
            if _is_place(answer, mark)
            else mark
            for mark in answer.faces
        )
        return answer.model_copy(update={"faces": marks}) if marks != answer.faces else answer

    for key, some in objects:
        more = tuple(map(settled, some))
        if more != some:
            confirm()
            replace_object(tables.store, key, more)


def _is_place(answer: Answer, mark: FaceMark) -> bool:
    return not mark.face_id and bool(mark.content) and answer.what != "face"
