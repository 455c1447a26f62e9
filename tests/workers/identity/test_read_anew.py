"""Names, answers and clusters over a new reading of an archive's photos."""

import json
from pathlib import Path
from typing import Any

import pytest

from headcount.answers.kept import read_answers, record_answer
from headcount.answers.record import What
from headcount.contract import reading
from headcount.contract.forgotten import ForgottenRecord, Place, tombstone_key
from headcount.contract.record import read_record
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from orchestrator.archive.catalogue import job_ids
from orchestrator.people.forget.run import forget
from orchestrator.people.latest_assignments import find_faces, marks
from tests.answered import answer
from tests.at_once import AtOnce, add
from tests.rereading import night, read_again
from tests.running import table
from workers.identity.remap import remap_answers
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables

S3 = S3Settings()


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The means to raise this build's reading."""
    return monkeypatch


def say(archive: Path, action: What, face: str, who: str) -> None:
    store = open_store(str(archive))
    found = marks(store, find_faces(store, face), S3, best=5)
    record_answer(
        store,
        action,
        found,
        person=(person_id(who), who),
        source=find_faces(store, face).latest.uri,
    )


def faces(out: Path) -> dict[tuple[str, float], dict[str, Any]]:
    """The faces of a run, by photo and left edge."""
    return {(row["photo"], row["x"]): row for row in table(out, "faces")}


def references(archive: Path) -> list[dict[str, Any]]:
    spec_id = job_ids(open_store(str(archive)))[-1]
    unit = Unit(AtOnce().context, open_store(str(archive)), spec_id, "reduce")
    names = ["person", "photo", "etag", "x", "quality", "reading"]
    rows = job_tables(unit).gallery.read(names).to_pylist()
    return sorted(rows, key=lambda row: (row["person"], row["photo"]))


def test_names_answers_and_clusters_follow_faces_whose_photo_is_turned(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a="ada bob eve turn", c="cleo")
    night(photos, archive, "1")
    first = faces(tmp_path / "out-1")
    ids = {key: row["face_id"] for key, row in first.items()}
    say(archive, "name", ids["a.jpg", 10], "Ada")
    say(archive, "not", ids["a.jpg", 210], "Eve")
    store = open_store(str(archive))
    answer(archive, f"same,{ids['a.jpg', 110]} {ids['c.jpg', 10]}")
    spec = night(photos, archive, "2")
    second = faces(tmp_path / "out-2")
    assert second["a.jpg", 10]["person"] == "Ada"
    newer.setattr(reading, "READING", 2)
    read_again(spec, "a")
    add(photos, b="ada")
    night(photos, archive, "3")
    third = faces(tmp_path / "out-3")
    was_at = {10: 810, 110: 710, 210: 610}
    for left, now in was_at.items():
        before, after = second["a.jpg", left], third["a.jpg", now]
        assert after["face_id"] != before["face_id"]
        assert after["cluster_id"] == before["cluster_id"]
        assert after["person"] == before["person"]
    [ada] = references(archive)
    assert (ada["etag"], ada["x"], ada["reading"]) == (third["a.jpg", 810]["face_id"], 810, 2)
    assert ada["quality"] == pytest.approx(0.82)
    assert third["b.jpg", 10]["person"] == "Ada", "the new embedding knows her elsewhere too"
    meant = {record.what: record.faces for record in read_answers(store)}
    assert third["a.jpg", 610]["face_id"] in {mark.face_id for mark in meant["not"]}
    assert third["a.jpg", 710]["face_id"] in {mark.face_id for mark in meant["same"]}
    assert all(mark.box[0] == 810 for mark in meant["name"]), "the old mark went along"
    night(photos, archive, "4")
    fourth = faces(tmp_path / "out-4")
    assert {k: r["person"] for k, r in fourth.items()} == {k: r["person"] for k, r in third.items()}
    assert references(archive) == [ada]


def test_nobody_gets_the_answers_about_a_face_that_a_turned_photo_has_no_more(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    words = "ada-1 b c d e f g h bob turn"  # bob is at ada's place once the photo is turned
    photos = add(tmp_path / "photos", a=words, c="bob")
    night(photos, archive, "1")
    first = faces(tmp_path / "out-1")
    say(archive, "name", first["a.jpg", 10]["face_id"], "Ada")
    say(archive, "not", first["a.jpg", 10]["face_id"], "Bob")
    say(archive, "name", first["c.jpg", 10]["face_id"], "Bob")
    spec = night(photos, archive, "2")
    newer.setattr(reading, "READING", 2)
    read_again(spec)
    for job in ("3", "4"):
        night(photos, archive, job)
        found = faces(tmp_path / f"out-{job}")
        assert found["a.jpg", 10]["person"] == "Bob", "it was not he who was rejected"
        assert {row["person"] for row in found.values()} == {"Bob", None}
    people = [row["person"] for row in references(archive)]
    assert people == ["Ada", "Bob"], "no reference is lost"


def test_what_a_new_reading_changed_is_in_the_diff(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a="ada-1 bob", b="eve cleo@2", c="ada", d="fay")
    night(photos, archive, "1")
    say(archive, "name", faces(tmp_path / "out-1")["c.jpg", 10]["face_id"], "Ada")
    spec = night(photos, archive, "2")
    assert "reread" not in json.loads((tmp_path / "out-2" / "diff.json").read_text())
    newer.setattr(reading, "READING", 2)
    read_again(spec, "a", "b")
    night(photos, archive, "3")
    diff = json.loads((tmp_path / "out-3" / "diff.json").read_text())
    found = diff["reread"]
    counts = {"photos": 2, "found": 1, "lost": 1, "named": 0, "unnamed": 0}
    assert found["counts"] == counts
    assert [p["photo"] for p in found["photos"]] == ["a.jpg", "b.jpg"]
    assert [(p["earlier_reading"], p["reading"]) for p in found["photos"]] == [(1, 2)] * 2
    [lost], old = found["lost"], faces(tmp_path / "out-2")["a.jpg", 10]
    assert (lost["photo"], lost["face_id"]) == ("a.jpg", old["face_id"])
    assert lost["before"]["person"] == "Ada"
    assert [f["photo"] for f in found["found"]] == ["b.jpg"]
    assert diff["counts"]["gone_faces"] == diff["counts"]["new_faces"] == 1


def test_an_answer_that_was_brought_up_twice_is_as_after_once(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a="ada bob turn")
    night(photos, archive, "1")
    say(archive, "name", faces(tmp_path / "out-1")["a.jpg", 10]["face_id"], "Ada")
    spec = night(photos, archive, "2")
    newer.setattr(reading, "READING", 2)
    read_again(spec)
    asked: list[Any] = []

    def twice(*arguments: Any, **more: Any) -> None:
        for _ in range(2):
            remap_answers(*arguments, **more)
            asked.append(list(read_answers(open_store(str(archive)))))

    newer.setattr("workers.identity.update.remap_answers", twice)
    night(photos, archive, "3")
    assert asked[0] == asked[1]
    assert len(asked[0][0].faces) == 2


def test_who_is_forgotten_goes_from_the_rows_of_every_reading_and_stays_away(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a="ada bob", b="ada bob", c="ada eve")
    night(photos, archive, "1")
    say(archive, "name", faces(tmp_path / "out-1")["a.jpg", 10]["face_id"], "Ada")
    spec = night(photos, archive, "2")
    newer.setattr(reading, "READING", 2)
    read_again(spec, "a")
    spec = night(photos, archive, "3")
    before = faces(tmp_path / "out-3")
    assert [before[name, 10]["person"] for name in ("a.jpg", "b.jpg", "c.jpg")] == ["Ada"] * 3
    assert before["a.jpg", 10]["face_id"] != before["b.jpg", 10]["face_id"], "two readings"
    forget(open_store(str(archive)), "Ada", S3)
    assert references(archive) == []
    read_again(spec, "b", "c")
    for job in ("4", "5"):
        spec = night(photos, archive, job)
        left = {(photo, x) for photo, x in faces(tmp_path / f"out-{job}")}
        assert left == {("a.jpg", 110), ("b.jpg", 110), ("c.jpg", 110)}


MIRRORED = "ada b c d e f g h bob turn"
"""Bob is where Ada was, once the photo is turned, and she where he was."""


def test_forgotten_places_go_along_with_a_photo_that_is_turned_also_those_of_an_earlier_build(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a=MIRRORED)
    night(photos, archive, "1")
    say(archive, "name", faces(tmp_path / "out-1")["a.jpg", 10]["face_id"], "Ada")
    spec = night(photos, archive, "2")
    store = open_store(str(archive))
    forget(store, "Ada", S3)
    key = tombstone_key(person_id("Ada"))
    stone = read_record(store, key, ForgottenRecord)
    assert {place.frame for place in stone.places} == {(900, 600, 1)}
    bare = tuple(Place(content=place.content, box=place.box) for place in stone.places)
    store.put(key, stone.model_copy(update={"places": bare}).to_bytes())
    newer.setattr(reading, "READING", 2)
    for job in ("3", "4"):  # read anew twice: the second time no row tells how it was turned
        read_again(spec)
        spec = night(photos, archive, job)
        found = faces(tmp_path / f"out-{job}")
        assert len(found) == 8
        assert ("a.jpg", 10) in found, "Bob, where Ada was"
        assert ("a.jpg", 810) not in found


def test_where_one_of_two_copies_is_turned_nobody_else_is_forgotten(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    photos = add(tmp_path / "photos", a=MIRRORED, b=MIRRORED)
    night(photos, archive, "1")
    say(archive, "name", faces(tmp_path / "out-1")["a.jpg", 10]["face_id"], "Ada")
    spec = night(photos, archive, "2")
    newer.setattr(reading, "READING", 2)
    read_again(spec, "a")
    spec = night(photos, archive, "3")
    forget(open_store(str(archive)), "Ada", S3)
    night(photos, archive, "4")
    found = faces(tmp_path / "out-4")
    assert len(found) == 16
    assert ("a.jpg", 810) not in found
    assert ("b.jpg", 10) not in found
