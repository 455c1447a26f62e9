"""A first look and what follows it as a user has them: real broker, worker, models and photos."""

import json
from pathlib import Path

import pytest

from tests.running import by_faces, headcount, summary, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

FIRST = 4


def run(samples: Path, out: Path, *more: str, people: bool = True) -> str:
    """Take the roll of the sample photos; gives what was said."""
    known = ("--people", str(samples / "people"), "--expected", str(samples / "expected.csv"))
    photos = ("run", str(samples / "photos"), "--out", str(out), "--annotate", "0")
    ended = headcount(*photos, *(known if people else ()), *more)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def resume(out: Path, job: str) -> None:
    ended = headcount("resume", job, "--archive", str(out / "archive"))
    assert ended.returncode == 0, ended.stderr
    assert f"job {job} was a first look" in ended.stderr


def embedded(out: Path) -> list[str]:
    """The photo of every line of every shard of every job."""
    shards = (out / "archive/jobs").glob("*/shards/*.json")
    return [photo["key"] for s in shards for photo in json.loads(s.read_text())["photos"]]


@pytest.fixture(scope="module")
def plain(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a first look."""
    out = tmp_path_factory.mktemp("plain") / "out"
    run(samples, out)
    return out


@pytest.mark.parametrize("how", ["resume", "run"])
def test_a_first_look_then_all_says_what_one_run_says_and_embeds_nothing_twice(
    samples: Path, plain: Path, tmp_path: Path, how: str
) -> None:
    out = tmp_path / "out"
    total = len(table(plain, "photos"))
    told = run(samples, out, "--first", str(FIRST))
    assert f"a first look: {FIRST} of {total} photos, drawn at random" in told
    assert len(table(out, "photos")) == len(embedded(out)) == FIRST
    whole = {row["face_id"]: row for row in table(plain, "faces")}
    for row in table(out, "faces"):
        assert row["person"] == whole[row["face_id"]]["person"]
    assert "A first look: 4 of" in (out / "report" / "index.html").read_text()
    if how == "resume":
        resume(out, summary(out)["job_id"])
    else:
        assert "first look" not in run(samples, out)
    assert by_faces(out) == by_faces(plain)
    assert summary(out)["sample"] is False
    assert sorted(embedded(out)) == sorted(row["photo"] for row in table(plain, "photos"))
    assert "first look" not in (out / "report" / "index.html").read_text()


def test_whoever_is_named_in_a_first_look_is_found_in_the_rest(
    samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(samples, out, "--first", str(FIRST), people=False)
    cluster = str(table(out, "clusters")[0]["cluster_id"])
    before = {r["face_id"] for r in table(out, "faces") if r["cluster_id"] == cluster}
    said = headcount("name", cluster, "Somebody", "--archive", str(out / "archive"))
    assert said.returncode == 0, said.stderr
    resume(out, summary(out)["job_id"])
    named = {r["face_id"]: r["cluster_id"] for r in table(out, "faces") if r["person"]}
    assert before <= named.keys()
    assert {named[face] for face in before} == {cluster}, "the cluster keeps its id"


def test_a_second_look_at_known_photos_embeds_nothing_and_takes_nothing_away(
    samples: Path, plain: Path, tmp_path: Path
) -> None:
    archive = ("--archive", str(plain / "archive"))
    before = by_faces(plain)
    run(samples, tmp_path / "look", "--first", "3", *archive)
    assert len(table(tmp_path / "look", "photos")) == 3
    run(samples, tmp_path / "again", *archive)
    assert by_faces(tmp_path / "again")[:4] == before[:4]
    assert table(tmp_path / "again", "lineage") == []
    found = json.loads((tmp_path / "again" / "diff.json").read_text())
    assert set(found["counts"].values()) == {0}


def test_an_estimate_has_the_time_of_both(samples: Path) -> None:
    asked = ("plan", str(samples / "photos"), "--first", "3", "--sample", "2", "--json")
    ended = headcount(*asked)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["first"]["photos"] == found["first"]["planned_photos"] == 3
    assert 0 < found["first"]["seconds"] < found["seconds"]
    assert 0 < found["first"]["planned_bytes"] < found["planned_bytes"]
    assert "a first look: 3 photos drawn at random" in headcount(*asked[:4]).stdout
