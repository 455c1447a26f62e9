"""What a `forget` removes from an archive, step by step."""

from pathlib import Path

from headcount.answers.kept import read_answers
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.layout import JobKeys, PackKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import FinishedRecord
from headcount.contract.vocabulary import person_id
from headcount.tables.table import Table
from orchestrator.people.forget.archive import (
    forget_answers,
    forget_jobs,
    forget_rows,
    search_again,
)
from tests.orchestrator.people.forget.by_hand import S3, archive, ended, face, left, name

JOB = "20260101-000000-aaaaaa"
STONE = ForgottenRecord(
    person_id=person_id("Ada"),
    at=now(),
    state="removing",
    person="Ada",
    faces=("f1",),
    photos=(("c", "a.jpg"),),
)


def test_answers_about_the_person_go_and_others_lose_the_forgotten_faces(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[])
    name(store, "Ada", "f9")
    name(store, "Ben", "f1", "f2")
    name(store, "Cy", "f3")
    assert forget_answers(store, STONE) == 2
    kept = {said.person: [mark.face_id for mark in said.faces] for said in read_answers(store)}
    assert kept == {"Ben": ["f2"], "Cy": ["f3"]}


def test_a_photo_that_lost_its_last_face_has_no_face(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[face("f1")], p2=[face("f1"), face("f2", 90.0)])
    for pack, outcome, faces in (("p1", "no_face", 0), ("p2", "faces", 1)):
        removed = forget_rows(store, PackKeys(pack), STONE, S3)
        assert removed == {"references": 0, "faces": 1, "photos that carry the name": 0}
        [row] = Table(store.uri, PackKeys(pack).photos, S3).read(["outcome", "faces"]).to_pylist()
        assert (row["outcome"], row["faces"]) == (outcome, faces)
    assert left(store, "p2") == ["f2"]


def test_messages_of_jobs_lose_the_name_and_a_second_time_nothing_changes(tmp_path: Path) -> None:
    store, keys = archive(tmp_path, p1=[]), JobKeys(JOB)
    ended(store, JOB, "file:///out/")
    record = FinishedRecord(
        job_id=JOB, state="failed", finished=now(), out="o/", message="Ada: bad photo"
    )
    store.put(keys.finished, record.to_bytes())
    store.put(keys.commit, b"{}")
    assert forget_jobs(store, STONE) == {"job records": 1}
    assert forget_jobs(store, STONE) == {"job records": 0}
    kept = find_record(store, keys.finished, FinishedRecord)
    assert kept is not None
    assert kept.message == f"{person_id('Ada')}: bad photo"
    assert not list(store.list(keys.commit))


def test_only_photos_of_forgotten_faces_are_searched_again(tmp_path: Path) -> None:
    store = archive(tmp_path, p1=[])
    for content, profile in (("c2", "balanced"), ("c1", "")):
        place = {"content": content, "box": (0.0, 0.0, 1.0, 1.0)}
        stone = ForgottenRecord.model_validate(STONE.model_dump() | {"places": [place]})
        search_again(store, stone, S3)
        photos = Table(store.uri, PackKeys("p1").photos, S3)
        assert photos.read(["profile"])["profile"].to_pylist() == [profile]
