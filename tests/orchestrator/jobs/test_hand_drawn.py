"""Photos in which a face was drawn by hand, in made-up archives: planned once, and never again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headcount.answers.kept import read_answers, record_answer
from headcount.contract import reading
from headcount.contract.frames import Frame
from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord, ShardManifest
from headcount.contract.vocabulary import BY_HAND, Outcome, person_id
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from orchestrator.archive.rollback import roll_back
from orchestrator.jobs.estimate import survey
from orchestrator.jobs.hand_drawn import pending_photos
from orchestrator.jobs.plan import pack_id_of
from orchestrator.jobs.rematch import latest_of, rematch_spec, submit_rematch
from orchestrator.people.forget.run import forget
from orchestrator.people.latest_assignments import active_pack
from tests.at_once import AtOnce, add, begin, end
from tests.drawing import PLACE, draw, drawing, night
from tests.rereading import SIZE, read_again
from tests.running import headcount, table
from workers.runtime.unit import Unit
from workers.stages.embed import embed_shard
from workers.stages.job_tables import job_tables
from workers.tables.pack_tables import PackTables

__all__ = ["drawing"]

pytestmark = pytest.mark.usefixtures("drawing")

S3 = S3Settings()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def photos(tmp_path: Path, archive: Path) -> Path:
    """Photos that one job has seen."""
    folder = add(tmp_path / "photos", a="ada bob", b="", c="cleo")
    night(folder, archive, "1")
    return folder


def tables_of(spec: JobSpec) -> PackTables:
    return job_tables(Unit(AtOnce().context, open_store(spec.archive), spec.job_id, "reduce"))


def rows(spec: JobSpec) -> list[dict[str, Any]]:
    tables = tables_of(spec)
    found: list[dict[str, Any]] = tables.faces.read(
        ["photo", "face_id", "pass", "x", "y"], where=tables.of_collection
    ).to_pylist()
    return sorted(found, key=lambda row: (row["photo"], row["face_id"]))


def drawn(spec: JobSpec) -> dict[str, str]:
    """The ids of the faces drawn by hand, by photo."""
    return {row["photo"]: row["face_id"] for row in rows(spec) if row["pass"] == BY_HAND}


def plan_of(spec: JobSpec) -> PlanRecord:
    return read_record(open_store(spec.archive), JobKeys(spec.job_id).plan, PlanRecord)


def shards(spec: JobSpec) -> list[ShardManifest]:
    store, keys = open_store(spec.archive), JobKeys(spec.job_id)
    names = map(shard_name, range(plan_of(spec).shards))
    return [read_record(store, keys.shard(name), ShardManifest) for name in names]


def pending(store: Store, spec: JobSpec) -> list[str]:
    return sorted(pending_photos(store, spec, S3, pack_id_of(store, spec)))


def test_a_photo_is_embedded_again_when_a_face_is_drawn_and_when_it_is_taken_back(
    photos: Path, archive: Path
) -> None:
    before = rows(night(photos, archive, "2"))
    answer = draw(archive, photos / "a.jpg")
    spec = night(photos, archive, "3")
    assert (plan_of(spec).hand_drawn, plan_of(spec).planned_photos) == (1, 1)
    assert [row for row in rows(spec) if row["pass"] != BY_HAND] == before
    assert drawn(spec).keys() == {"a.jpg"}
    assert plan_of(night(photos, archive, "4")).planned_photos == 0
    record_answer(open_store(str(archive)), "undo", (), undoes=answer.id)
    spec = night(photos, archive, "5")
    assert plan_of(spec).hand_drawn == 1
    assert rows(spec) == before
    assert plan_of(night(photos, archive, "6")).planned_photos == 0


def test_a_photo_without_a_face_becomes_one_with_faces(photos: Path, archive: Path) -> None:
    draw(archive, photos / "b.jpg")
    night(photos, archive, "2")
    found = {row["photo"]: row for row in table(archive.parent / "out-2", "photos")}
    assert (found["b.jpg"]["outcome"], found["b.jpg"]["faces"]) == ("faces", 1)
    draw(archive, photos / "b.jpg", "not_a_face")
    night(photos, archive, "3")
    found = {row["photo"]: row for row in table(archive.parent / "out-3", "photos")}
    assert (found["b.jpg"]["outcome"], found["b.jpg"]["faces"]) == ("no_face", 0)


def test_it_is_searched_as_hard_as_before_so_that_no_other_face_is_lost(
    tmp_path: Path, archive: Path
) -> None:
    photos = add(tmp_path / "photos", a="ada bob", b="cleo")
    before = rows(night(photos, archive, "1", profile="thorough"))
    draw(archive, photos / "a.jpg")
    spec = night(photos, archive, "2")
    assert [(s.profile, s.reread, len(s.photos)) for s in shards(spec)] == [("thorough", True, 1)]
    assert [row for row in rows(spec) if row["pass"] != BY_HAND] == before
    assert plan_of(night(photos, archive, "3", profile="thorough")).planned_photos == 0
    ids = drawn(spec)
    read_again(spec)
    assert drawn(night(photos, archive, "4", profile="fast")) == ids, "whatever the profile"


def test_retries_and_first_looks_take_none_and_a_photo_that_failed_is_none(
    photos: Path, archive: Path
) -> None:
    draw(archive, photos / "a.jpg")
    spec, store = begin(photos, archive, "2"), open_store(str(archive))
    assert pending(store, spec) == ["a.jpg"]
    assert pending(store, spec.model_copy(update={"first": 2})) == []
    retry = spec.model_copy(update={"retries": (Outcome.UNREADABLE,)})
    assert pending(store, retry) == []
    assert pending_photos(store, spec, S3, None) == {}
    estimate, _ = survey(store, spec, S3, 1)
    assert (estimate.hand_drawn, estimate.planned_photos) == (1, 1)
    told = headcount("plan", str(photos), "--archive", str(archive), "--sample", "0")
    assert "1 again for faces drawn by hand" in told.stdout, told.stderr
    tables_of(spec).photos.update({"outcome": "'unreadable'"}, "photo = 'a.jpg'")
    assert pending(store, spec) == []


def test_a_place_outside_the_photo_is_said_once_and_not_tried_again(
    photos: Path, archive: Path
) -> None:
    draw(archive, photos / "a.jpg")
    draw(archive, photos / "a.jpg", box=(880, 560, 90, 90))
    spec = night(photos, archive, "2")
    [reason] = [
        row["reason"]
        for row in table(archive.parent / "out-2", "photos")
        if row["photo"] == "a.jpg"
    ]
    assert reason == "faces drawn by hand outside the photo: 1"
    assert len(drawn(spec)) == 1
    assert plan_of(night(photos, archive, "3")).planned_photos == 0


def test_copies_have_it_too_and_never_the_rows_from_before_it(
    photos: Path, archive: Path, tmp_path: Path
) -> None:
    draw(archive, photos / "a.jpg")
    elsewhere = add(tmp_path / "elsewhere", copied="ada bob", fresh="cleo")
    spec = night(elsewhere, archive, "2")
    face = drawn(spec)["copied.jpg"]
    marker = read_record(open_store(str(archive)), JobKeys("2").done(shard_name(0)), DoneMarker)
    assert marker.counts["copied"] == 1, "the one of which nothing was drawn"
    (photos / "a.jpg").rename(photos / "moved.jpg")
    spec = night(photos, archive, "3")
    assert drawn(spec) == {"moved.jpg": face}
    spec = night(add(tmp_path / "third", again="ada bob"), archive, "4")
    assert drawn(spec) == {"again.jpg": face}
    marker = read_record(open_store(str(archive)), JobKeys("4").done(shard_name(0)), DoneMarker)
    assert marker.counts["copied"] == 1, "from rows that have it"


def test_it_follows_a_photo_that_a_newer_reading_turns(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = add(tmp_path / "photos", a="ada turn", b="bob")
    night(photos, archive, "1")
    answer = draw(archive, photos / "a.jpg")
    spec = night(photos, archive, "2")
    face = drawn(spec)["a.jpg"]
    assert plan_of(spec).hand_drawn == 1
    monkeypatch.setattr(reading, "READING", 2)
    spec = night(photos, archive, "3", reread="all")
    [row] = [row for row in rows(spec) if row["pass"] == BY_HAND]
    x, y, w, h = PLACE
    assert (row["face_id"], row["x"], row["y"]) == (face, SIZE[0] - x - w, SIZE[1] - y - h)
    assert read_answers(open_store(str(archive))) == [answer], "it stays as it was said"
    assert plan_of(night(photos, archive, "4")).planned_photos == 0
    draw(archive, photos / "b.jpg", frame=Frame(*SIZE, 3), box=(10, 10, 90, 90))
    found = [r for r in rows(night(photos, archive, "5")) if r["photo"] == "b.jpg"]
    assert {"x": 800.0, "y": 500.0} in [{"x": row["x"], "y": row["y"]} for row in found]


def test_what_was_drawn_under_a_turn_before_the_photo_was_known_is_named_where_it_is(
    tmp_path: Path, archive: Path
) -> None:
    photos = add(tmp_path / "photos", a="ada bob")
    x, y, w, h = PLACE
    there = (SIZE[0] - x - w, SIZE[1] - y - h, w, h)
    dora = (person_id("Dora"), "Dora")
    draw(archive, photos / "a.jpg", box=there, frame=Frame(0, 0, 3), person=dora, job_id="")
    night(photos, archive, "1")
    found = {(r["x"], r["y"]): r["person"] for r in table(archive.parent / "out-1", "faces")}
    assert found[x, y] == "Dora"
    assert sorted(map(str, found.values())) == ["Dora", "None", "None"]


def test_a_photo_of_an_older_reading_waits_for_a_job_that_can_follow_its_faces(
    photos: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, store = begin(photos, archive, "2"), open_store(str(archive))
    draw(archive, photos / "a.jpg")
    store.delete(JobKeys("1").commit)  # as a `forget` does
    assert pending(store, spec) == ["a.jpg"], "its ids stay"
    monkeypatch.setattr(reading, "READING", 2)
    assert pending(store, spec) == []
    night(photos, archive, "3")
    assert plan_of(night(photos, archive, "4")).hand_drawn == 1


def test_a_rollback_plans_it_again_and_a_forgotten_one_is_never_added(
    photos: Path, archive: Path
) -> None:
    answer = draw(archive, photos / "c.jpg")
    spec = night(photos, archive, "2")
    face = drawn(spec)["c.jpg"]
    store = open_store(str(archive))
    roll_back(store, "1", S3)
    assert drawn(spec) == {}
    spec = night(photos, archive, "3")
    assert drawn(spec) == {"c.jpg": face}
    mark = answer.faces[0].model_copy(update={"face_id": face})
    record_answer(store, "name", (mark,), person=(person_id("Dora"), "Dora"), job_id="3")
    forget(store, "Dora", S3)
    assert read_answers(store) == []
    spec = night(photos, archive, "4")
    assert plan_of(spec).planned_photos == 0
    assert drawn(spec) == {}


def rematch(archive: Path) -> JobSpec:
    """Match an archive anew, to the end."""
    store = open_store(str(archive))
    pack_id = active_pack(store).pack_id
    latest = latest_of(store, pack_id, None)
    spec = rematch_spec(store, latest, pack_id)
    submit_rematch(store, spec, latest, S3)
    assert end(spec, AtOnce(embed=embed_shard)).state == "done"
    return spec


def test_a_rematch_embeds_such_photos_alone_and_leaves_them_while_they_are_out_of_reach(
    photos: Path, archive: Path
) -> None:
    before = plan_of(rematch(archive))
    assert (before.photos, before.planned_photos, before.hand_drawn) == (3, 0, 0)
    draw(archive, photos / "a.jpg")
    away = photos.rename(photos.with_name("away"))
    left = rematch(archive)
    assert (plan_of(left).planned_photos, drawn(left)) == (0, {})
    away.rename(photos)
    add(photos, d="dora")  # a new photo is no matter of a rematch
    spec = rematch(archive)
    assert (plan_of(spec).planned_photos, plan_of(spec).hand_drawn) == (1, 1)
    assert drawn(spec).keys() == {"a.jpg"}
    assert plan_of(rematch(archive)).planned_photos == 0
