"""First looks of whole jobs, over made-up faces: the draw, what follows it, and how it goes on."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import (
    DoneMarker,
    FirstLookRecord,
    JobSpec,
    PlanRecord,
    ReplacedRecord,
    ShardManifest,
)
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.commands import diff, retry, status
from orchestrator.jobs.estimate import survey
from orchestrator.jobs.first_look import Reservoir, ended_first_look, go_on_with_all
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import interrupted_job, make_spec
from tests.at_once import AtOnce, add, begin, end, made_up_shard
from tests.running import by_faces, summary, table
from workers.runtime.unit import Unit

S3 = S3Settings()
PEOPLE = ("ada", "bob", "cy", "dee", "eve")


def album(folder: Path, photos: int = 30) -> Path:
    """Photos of two people each, of five."""
    words = {f"p{n:02}": f"{PEOPLE[n % 5]} {PEOPLE[(n * 2 + 1) % 5]}" for n in range(photos)}
    return add(folder / "photos", **words)


def drawn(store: Store, job_id: str) -> FirstLookRecord:
    return read_record(store, JobKeys(job_id).first_look, FirstLookRecord)


def planned(store: Store, job_id: str) -> set[str]:
    """The photos in the shards of a job."""
    folder = f"{JobKeys(job_id).root}shards/"
    shards = [read_record(store, info.key, ShardManifest) for info in store.list(folder)]
    return {photo.key for shard in shards for photo in shard.photos}


def test_a_draw_is_of_the_whole_stream_and_is_settled_by_its_seed() -> None:
    def draw(seed: str) -> list[int]:
        chosen: Reservoir[int] = Reservoir(100, seed)
        for number in range(10_000):
            chosen.offer(number)
        assert chosen.seen == 10_000
        return sorted(chosen.items)

    assert draw("a") == draw("a") != draw("b")
    assert len(set(draw("a"))) == 100
    assert 4_000 < sum(draw("a")) / 100 < 6_000


def test_the_plan_counts_all_photos_and_has_the_drawn_ones_alone(tmp_path: Path) -> None:
    spec = begin(album(tmp_path), tmp_path / "archive", "1", first=8)
    store = open_store(spec.archive)
    plan, look = plan_job(store, spec, S3), drawn(store, "1")
    assert (plan.photos, plan.new, plan.planned_photos, look.total) == (30, 30, 8, 30)
    assert list(look.photos) == sorted(planned(store, "1"))
    plan_job(store, spec, S3)
    assert drawn(store, "1") == look, "the same job draws the same photos"
    other = spec.model_copy(update={"job_id": "2"})
    plan_job(store, other, S3)
    assert drawn(store, "2").photos != look.photos


def test_a_first_look_of_more_photos_than_there_are_has_them_all(tmp_path: Path) -> None:
    spec = begin(album(tmp_path, 5), tmp_path / "archive", "1", first=100)
    assert end(spec).sample
    assert len(table(tmp_path / "out-1", "photos")) == summary(tmp_path / "out-1")["sample_of"] == 5


def test_a_first_look_replaces_drawn_photos_and_removes_none(tmp_path: Path) -> None:
    photos, archive = album(tmp_path), tmp_path / "archive"
    end(begin(photos, archive, "1"))
    for path in sorted(photos.iterdir())[:5]:
        path.unlink()
    for path in photos.iterdir():
        path.write_text(f"{path.read_text()} new")
    end(begin(photos, archive, "2", first=8))
    store = open_store(str(archive))
    plan = read_record(store, JobKeys("2").plan, PlanRecord)
    assert (plan.changed, plan.removed, plan.planned_photos) == (25, 5, 8)
    [replaced] = store.list(JobKeys("2").replaced_folder)
    gone = read_record(store, replaced.key, ReplacedRecord).photos
    assert gone == drawn(store, "2").photos
    after = end(begin(photos, archive, "3"))
    assert (after.photos, after.sample) == (25, False)
    plan = read_record(store, JobKeys("3").plan, PlanRecord)
    assert (plan.changed, plan.known, plan.removed) == (17, 8, 5)


def test_a_first_look_and_the_job_that_goes_on_say_what_one_job_says(tmp_path: Path) -> None:
    photos = album(tmp_path)
    (photos / "torn.jpg").write_text("?")
    roster = tmp_path / "roster.csv"
    roster.write_text("scope,person,needed\n*,ada,some\np01.jpg,bob,every\nnone/,cy,every\n")
    wishes: dict[str, Any] = {"expected": str(roster)}
    end(begin(photos, tmp_path / "plain" / "archive", "1", **wishes))
    look = begin(photos, tmp_path / "archive", "1", str(tmp_path / "out"), first=8, **wishes)
    store = open_store(look.archive)
    assert not ended_first_look(store, look)
    end(look)
    assert ended_first_look(store, look)
    rest = go_on_with_all(store, look, Settings(), S3)
    assert (rest.out, rest.first) == (look.out, None)
    assert not end(rest).sample
    assert by_faces(tmp_path / "out") == by_faces(tmp_path / "plain" / "out-1")
    assert planned(store, rest.job_id).isdisjoint(planned(store, "1"))
    assert len(planned(store, rest.job_id) | planned(store, "1")) == 31


def test_a_first_look_at_a_known_collection_loses_no_cluster_and_tells_no_change_twice(
    tmp_path: Path,
) -> None:
    photos = album(tmp_path)
    plain, looked = tmp_path / "plain" / "archive", tmp_path / "looked" / "archive"
    for archive in (plain, looked):
        end(begin(photos, archive, "1"))
    before = {row["face_id"]: row["cluster_id"] for row in table(looked.parent / "out-1", "faces")}
    for path in sorted(photos.iterdir())[::2]:
        path.write_text(f"{path.read_text()} fay")
    (photos / "p01.jpg").unlink()
    end(begin(photos, plain, "3"))
    look = begin(photos, looked, "2", first=12)
    end(look)
    mine = drawn(open_store(str(looked)), "2").photos
    faces = table(looked.parent / "out-2", "faces")
    assert {row["photo"] for row in faces} == set(mine)
    assert {row["cluster_id"] for row in faces if row["face_id"] in before} <= set(before.values())
    end(begin(photos, looked, "3"))
    assert by_faces(looked.parent / "out-3") == by_faces(plain.parent / "out-3")


def test_a_job_that_is_killed_goes_on_with_its_own_draw(tmp_path: Path) -> None:
    spec = begin(album(tmp_path), tmp_path / "archive", "1", first=8)
    store = open_store(spec.archive)

    def killed(unit: Unit) -> DoneMarker:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end(spec, AtOnce(embed=killed))
    look = drawn(store, "1")
    (tmp_path / "photos" / "a-late-one.jpg").write_text("ada")
    end(spec, AtOnce(Settings(lost_seconds=0.1), embed=made_up_shard))
    assert drawn(store, "1") == look
    assert [row["photo"] for row in table(tmp_path / "out-1", "photos")] == list(look.photos)


def test_a_whole_run_does_not_go_on_with_a_first_look_that_was_interrupted(tmp_path: Path) -> None:
    photos, archive = album(tmp_path), tmp_path / "archive"
    look = begin(photos, archive, "1", str(tmp_path / "out"), first=8)
    store = open_store(look.archive)
    asked = look.model_copy(update={"job_id": "2"})
    assert interrupted_job(store, asked) == "1"
    assert interrupted_job(store, asked.model_copy(update={"first": 9})) is None
    assert interrupted_job(store, asked.model_copy(update={"first": None})) is None
    whole = begin(photos, archive, "2", str(tmp_path / "out"))
    assert interrupted_job(store, look) is None
    assert interrupted_job(store, whole) == "2"


@pytest.mark.parametrize("out", [None, "elsewhere"])
def test_a_second_resume_goes_on_with_the_same_job(tmp_path: Path, out: str | None) -> None:
    asked = {"photos": str(album(tmp_path)), "people": None, "archive": str(tmp_path / "archive")}
    where = str(tmp_path / out) if out else None
    look: JobSpec = make_spec(**asked, out=where, settings=Settings(), first=4)
    store = open_store(look.archive)
    store.put(JobKeys(look.job_id).spec, look.to_bytes())
    rest = go_on_with_all(store, look, Settings(), S3)
    assert go_on_with_all(store, look, Settings(), S3) == rest
    own = rest.archive + JobKeys(rest.job_id).results
    assert rest.out == (look.out if out else own)
    assert rest.limits == look.limits
    end(rest)
    assert go_on_with_all(store, look, Settings(), S3) == rest, "and it is not done again"


def test_a_first_look_is_told_by_status_and_cannot_be_retried(tmp_path: Path) -> None:
    spec = begin(album(tmp_path), tmp_path / "archive", "1", first=8)
    end(spec)
    where = ["1", "--archive", str(tmp_path / "archive")]
    told = CliRunner().invoke(status.command, where, standalone_mode=False)
    assert "a first look: 8 of them, drawn at random" in told.stdout
    refused = CliRunner().invoke(retry.command, where, standalone_mode=False)
    assert "`headcount resume 1` goes on with all" in str(refused.exception)


def test_the_last_two_jobs_that_are_compared_are_no_first_looks(tmp_path: Path) -> None:
    photos, archive = album(tmp_path, 6), tmp_path / "archive"
    for job, more in (("1", {}), ("2", {"first": 2}), ("3", {}), ("4", {"first": 2})):
        end(begin(photos, archive, job, **more))
    told = CliRunner().invoke(diff.command, ["--archive", str(archive)], standalone_mode=False)
    assert told.stdout.startswith("from job 1 to 3: 0 new faces")


def test_an_estimate_tells_the_first_look_from_the_whole(tmp_path: Path) -> None:
    photos, archive = album(tmp_path), tmp_path / "archive"
    spec = begin(photos, archive, "1", first=10)
    found, _ = survey(open_store(spec.archive), spec, S3, 0)
    assert (found.planned_photos, found.first and found.first["planned_photos"]) == (30, 10)
    end(begin(photos, archive, "2"))
    found, _ = survey(open_store(spec.archive), spec, S3, 0)
    assert found.first == {"photos": 10, "planned_photos": 0, "planned_bytes": 0}
    whole = spec.model_copy(update={"first": None})
    assert survey(open_store(spec.archive), whole, S3, 0)[0].first is None
