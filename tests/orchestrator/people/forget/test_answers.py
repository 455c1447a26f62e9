"""Forgetting a person who was renamed: under all names, whichever is given; and answers by word."""

from pathlib import Path

import pytest

from headcount.answers.kept import read_answers, record_answer
from headcount.answers.record import FaceMark
from headcount.contract.forgotten import (
    ForgottenRecord,
    forgotten_people,
    is_forgotten,
    tombstone_key,
)
from headcount.contract.record import now, read_record
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.storage import Store
from orchestrator.people.forget.answers import other_names
from orchestrator.people.forget.run import forget, remember
from orchestrator.people.forget.trace import trace_faces
from orchestrator.people.latest_assignments import people_of
from tests.orchestrator.people.forget.by_hand import BOX, S3, archive, face, left, name

NAMES = ("Ada", "Ada Lovelace", "Countess")
FRAME = (900, 600, 1)


def rename(store: Store, old: str, new: str) -> str:
    ids = {"new_person_id": person_id(new), "new_person": new}
    return record_answer(store, "rename", (), person=(person_id(old), old), **ids).id


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An archive in which Ada was renamed twice, and was named before, between and after."""
    rows = [face(f"f{n}", 100.0 * n) for n in range(4)]
    made = archive(tmp_path, p1=rows)
    marks = [FaceMark(face_id=f"f{n}", content="", box=BOX) for n in range(4)]
    for n, one in enumerate(NAMES):
        record_answer(made, "name", (marks[n],), person=(person_id(one), one), job_id="")
    record_answer(made, "name", (marks[3],), person=(person_id("Ben"), "Ben"), job_id="")
    rename(made, *NAMES[:2])
    rename(made, *NAMES[1:])
    return made


@pytest.mark.parametrize("said", NAMES)
@pytest.mark.parametrize("undone_by", NAMES)
def test_all_names_go_whichever_is_said_and_all_may_come_back(
    store: Store, said: str, undone_by: str
) -> None:
    assert set(people_of(store, S3).values()) == {*NAMES, "Ben"}
    receipt = forget(store, said, S3)
    assert receipt.removed["faces"] == 3
    assert left(store, "p1") == ["f3"]
    assert [one.person for one in read_answers(store)] == ["Ben"]
    assert forgotten_people(store) == {person_id(one) for one in NAMES}
    for one in NAMES:
        text = store.get(tombstone_key(person_id(one))).data.decode()
        assert not any(other in text for other in NAMES)
        with pytest.raises(FatalError, match=f"{one} was forgotten"):
            name(store, one, "f3")
    assert remember(store, undone_by, S3) == person_id(said)
    assert forgotten_people(store) == frozenset()


def test_a_name_that_was_taken_back_is_another_persons(store: Store) -> None:
    last = read_answers(store)[-1]
    record_answer(store, "undo", (), undoes=last.id)
    forget(store, "Ada", S3)
    assert left(store, "p1") == ["f2", "f3"], "the countess is somebody else after all"
    assert not is_forgotten(store, person_id("Countess"))
    kept = [(one.what, one.person) for one in read_answers(store)]
    assert kept == [("name", "Countess"), ("name", "Ben")]


def test_an_interrupted_forget_goes_on_under_each_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.people.forget.archive.forget_jobs", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(store, "Ada Lovelace", S3)
    assert forget(store, "Ada", S3).person_id == person_id("Ada Lovelace")
    assert left(store, "p1") == ["f3"]


def test_a_tombstone_of_its_own_is_not_lost_to_another_name(store: Store) -> None:
    own = ForgottenRecord(person_id=person_id("Ada"), at=now(), state="done")
    store.put(tombstone_key(own.person_id), own.to_bytes())
    forget(store, "Countess", S3)
    assert read_record(store, tombstone_key(own.person_id), ForgottenRecord) == own
    remember(store, "Countess", S3)
    assert forgotten_people(store) == {own.person_id}


def test_other_names_are_those_of_renames_that_hold(store: Store) -> None:
    assert {one.person for one in other_names(store, person_id("Ada"))} == set(NAMES[1:])
    assert other_names(store, person_id("Ben")) == ()


def drawn(store: Store, box: tuple[float, float, float, float], **about: object) -> str:
    mark = FaceMark(face_id="", content="c1", box=box, frame=FRAME)
    return record_answer(store, "face", (mark,), photo="a.jpg", **about).id


def test_faces_that_are_known_by_their_places_alone_are_forgotten_too(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1"), face("f2", 300.0)])
    ada = (person_id("Ada"), "Ada")
    drawn(store, BOX, person=ada)
    drawn(store, (500, 10, 20, 20), person=ada)
    drawn(store, (300, 10, 20, 20), person=(person_id("Ben"), "Ben"))
    other = drawn(store, (11, 10, 20, 20))
    record_answer(store, "undo", (), undoes=other)
    assert trace_faces(store, [ada[0]], S3).faces == {"f1"}
    receipt = forget(store, "Ada", S3)
    assert left(store, "p1") == ["f2"]
    assert {place.box for place in receipt.places} == {BOX, (500, 10, 20, 20)}
    assert [(one.what, one.person) for one in read_answers(store)] == [("face", "Ben")]
    with pytest.raises(FatalError, match="the face at this place was forgotten"):
        drawn(store, (501, 10, 20, 20))
    remember(store, "Ada", S3)
    drawn(store, (501, 10, 20, 20))


def test_what_the_person_said_of_others_stays_without_the_persons_name(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1"), face("f2", 300.0)])
    name(store, "Ada", "f1")
    mark = FaceMark(face_id="f2", content="", box=BOX)
    for who in ("Ada", "Carol"):
        record_answer(store, "name", (mark,), person=(person_id("Ben"), "Ben"), by=who, job_id="")
    forget(store, "Ada", S3)
    assert [(one.person, one.by) for one in read_answers(store)] == [
        ("Ben", None),
        ("Ben", "Carol"),
    ]
