"""Answers in an archive: together, in order, taken back, and as earlier builds kept them."""

import json
from datetime import timedelta

import pytest

from headcount.answers.kept import (
    holding,
    named_jobs,
    read_answers,
    read_objects,
    record_answer,
    record_answers,
    replace_object,
)
from headcount.answers.record import Answer, FaceMark
from headcount.contract.layout import ANSWERS
from headcount.contract.record import now
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore

MARK = FaceMark(face_id="f1", content="c1", box=(1, 2, 3, 4))


def test_answers_come_in_the_order_they_were_said_not_recorded() -> None:
    store, at = MemoryStore(), now()
    late = Answer(what="name", at=at, faces=(MARK,), person_id="p1", person="Ada")
    early = Answer(what="not", at=at - timedelta(days=1), faces=(MARK,), person_id="p1")
    record_answers(store, [late])
    record_answers(store, [early])
    assert read_answers(store) == [early, late]


def test_answers_recorded_together_are_one_object_and_keep_their_order() -> None:
    store, at = MemoryStore(), now()
    answers = [Answer(what="dismiss", at=at, faces=(MARK,)) for _ in range(100)]
    record_answers(store, answers)
    [(key, kept)] = read_objects(store)
    assert list(kept) == answers == read_answers(store)
    replace_object(store, key, answers[:1])
    assert read_answers(store) == answers[:1]
    replace_object(store, key, [])
    assert not list(store.list(ANSWERS))


def test_an_undone_answer_does_not_hold_and_an_undone_undo_lets_it_hold_again() -> None:
    at = now()
    name = Answer(what="name", at=at, faces=(MARK,), person_id="p1")
    undo = Answer(what="undo", at=at, undoes=name.id)
    redo = Answer(what="undo", at=at, undoes=undo.id)
    assert holding([name]) == [name]
    assert holding([name, undo]) == []
    assert holding([name, undo, redo]) == [name]


def test_what_an_earlier_build_recorded_is_an_answer() -> None:
    store, at = MemoryStore(), now()
    earlier = {
        "version": 1,
        "at": at.isoformat(),
        "action": "reject",
        "faces": [MARK.model_dump(mode="json")],
        "person_id": "p1",
        "person": "Ada",
        "job_id": "j1",
        "cluster": "k1",
    }
    store.put(f"{ANSWERS}20261101-100000.000000-0a1b2c3d.json", json.dumps(earlier).encode())
    [answer] = read_answers(store)
    assert (answer.id, answer.what, answer.at, answer.faces) == ("0a1b2c3d", "not", at, (MARK,))
    assert (answer.person_id, answer.person, answer.moment) == ("p1", "Ada", ("j1", "k1"))
    assert named_jobs(store) == {"j1"}


def test_a_damaged_object_is_named() -> None:
    store = MemoryStore()
    record_answer(store, "name", (MARK,), person=("p1", "Ada"))
    [info] = store.list(ANSWERS)
    store.put(info.key, store.get(info.key).data.replace(b"Ada", b"Eve"))
    with pytest.raises(FatalError, match=info.key):
        read_answers(store)
