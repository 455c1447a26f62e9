"""The answers that an archive keeps: read, recorded, and replaced as whole objects."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import ValidationError

from headcount.answers.forgotten_marks import require_no_forgotten_face
from headcount.answers.record import Answer, AnswersRecord, EarlierRecord, FaceMark, What
from headcount.contract.forgotten import (
    forgotten_people,
    require_none_under_way,
    require_not_forgotten,
)
from headcount.contract.layout import ANSWERS
from headcount.contract.record import now, read_record
from headcount.errors import ObjectMissing
from headcount.storage.base import Store

READERS = 16
"""Objects that are read at a time: earlier builds kept each answer in one of its own."""


def record_answers(store: Store, answers: Sequence[Answer]) -> None:
    """Record answers together, in one object. Their order holds where they were said at one time.

    Raises TransientError where somebody is being forgotten, who may be in these faces; and
    FatalError where a person, or the face at a place, was forgotten. Nothing is recorded then.
    """
    require_none_under_way(store)
    people = {(one.person_id, one.person) for one in answers if one.person_id}
    people |= {(one.new_person_id, one.new_person) for one in answers if one.new_person_id}
    forgotten = forgotten_people(store)
    for person, name in sorted(people, key=str):
        if person in forgotten:
            require_not_forgotten(store, person or "", name)
    require_no_forgotten_face(store, (mark for answer in answers for mark in answer.faces))
    if answers:
        key = f"{ANSWERS}{now():%Y%m%d-%H%M%S.%f}-{secrets.token_hex(4)}.json"
        store.put(key, AnswersRecord(answers=tuple(answers)).to_bytes())


def record_answer(
    store: Store,
    what: What,
    faces: tuple[FaceMark, ...],
    *,
    person: tuple[str, str | None] | None = None,
    **about: Any,
) -> Answer:
    """Record one answer on faces, said now; ``person`` is an id and a name.

    ``about`` are the other fields of an Answer. Raises what record_answers does.
    """
    at = now()
    person_id, name = person or (None, None)
    fields = {"person_id": person_id, "person": name, **about}
    answer = Answer(what=what, at=at, recorded=at, faces=faces, **fields)
    record_answers(store, [answer])
    return answer


def read_objects(store: Store) -> Iterator[tuple[str, tuple[Answer, ...]]]:
    """Yield the answers of every object with its key, in the order they were recorded."""
    keys = [info.key for info in store.list(ANSWERS)]
    with ThreadPoolExecutor(READERS, "answers") as readers:
        for key, answers in zip(
            keys, readers.map(lambda key: read_object(store, key), keys), strict=True
        ):
            if answers is not None:
                yield key, answers


def read_answers(store: Store) -> list[Answer]:
    """Every answer, also those undone, in the order in which they were said."""
    return in_order(answer for _, answers in read_objects(store) for answer in answers)


def replace_object(store: Store, key: str, answers: Sequence[Answer]) -> None:
    """Write the answers of one object anew; without any, the object goes."""
    if answers:
        store.put(key, AnswersRecord(answers=tuple(answers)).to_bytes())
    else:
        store.delete(key)


def in_order(answers: Iterable[Answer]) -> list[Answer]:
    """Answers by the time they were said; those of one time as they were recorded."""
    return sorted(answers, key=lambda answer: answer.at)


def holding(answers: Sequence[Answer]) -> list[Answer]:
    """Answers that nobody took back, in the same order; without the undos themselves.

    ``answers`` are in order. An undo that was itself undone takes nothing back.
    """
    gone = undone(answers)
    return [one for one in answers if one.what != "undo" and one.id not in gone]


def undone(answers: Sequence[Answer]) -> set[str]:
    """The ids of the answers, undos among them, that others take back; ``answers`` are in order."""
    gone: set[str] = set()
    for answer in reversed(answers):
        if answer.what == "undo" and answer.id not in gone and answer.undoes:
            gone.add(answer.undoes)
    return gone


def named_jobs(store: Store) -> set[str]:
    """The jobs whose assignments say which faces an answer means, whether it holds or not."""
    return {answer.moment[0] for answer in read_answers(store) if answer.moment is not None}


def read_object(store: Store, key: str) -> tuple[Answer, ...] | None:
    """The answers of an object; None where it is gone. Raises FatalError where it is damaged."""
    try:
        data = store.get(key).data
        try:
            return AnswersRecord.from_bytes(data).answers
        except ValidationError:
            return (read_record(store, key, EarlierRecord).answer(key),)
    except ObjectMissing:
        return None
