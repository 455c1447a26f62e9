"""Rematches as a user has them: real broker, worker, tables, and photos out of reach."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headcount.contract.layout import PREPARE
from headcount.storage import open_store
from tests.clusters import until
from tests.made_up import made_up_archive
from tests.running import headcount, said, start, summary, table
from tests.running import headcount as plain_headcount

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

RESULTS = ("photos", "faces", "people", "clusters", "lineage", "expected")


def say(out: Path, *arguments: str) -> str:
    ended = headcount(*arguments, "--archive", str(out / "archive"))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def run(folder: Path, out: Path, *more: str) -> None:
    ended = headcount("run", str(folder / "photos"), "--out", str(out), "--annotate", "0", *more)
    assert ended.returncode == 0, ended.stderr


def latest(out: Path) -> Path:
    """The folder of the archive's latest job; ids of one second are in no order."""
    specs = (out / "archive/jobs").glob("*/spec.json")
    return max(specs, key=lambda spec: json.loads(spec.read_text())["created"]).parent


def rematch(out: Path, *more: str) -> Path:
    """Match anew; gives the results' folder in the archive."""
    say(out, "rematch", *more)
    return latest(out) / "results"


def largest(out: Path) -> str:
    """The cluster of the person who is in several photos."""
    return str(max(table(out, "clusters"), key=lambda row: row["photos"])["cluster_id"])


@pytest.fixture(scope="module")
def first(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a roster, over photos that are taken away then; gives the folder of its results.

    The photos lie beside it as `photos` while a test needs them, else as `away`.
    """
    folder = tmp_path_factory.mktemp("rematch")
    shutil.copytree(samples / "photos", folder / "photos")
    shutil.copy(samples / "expected.csv", folder / "roster.csv")
    run(folder, folder / "out", "--expected", str(folder / "roster.csv"))
    (folder / "photos").rename(folder / "away")
    return folder / "out"


@pytest.fixture
def out(first: Path, tmp_path: Path) -> Path:
    """A copy of that run's results, with the archive below."""
    return Path(shutil.copytree(first, tmp_path / "out"))


def as_a_run_says_it(first: Path, out: Path, *more: str) -> list[Any]:
    """Everything that a whole run with the photos says, where a rematch is about to go."""
    twin = Path(shutil.copytree(out, out.with_name("twin")))
    (first.parent / "away").rename(first.parent / "photos")
    try:
        run(first.parent, twin, *more)
    finally:
        (first.parent / "photos").rename(first.parent / "away")
    return said(twin)


def test_a_named_cluster_is_matched_without_the_photos_as_a_whole_run_matches_it(
    first: Path, out: Path
) -> None:
    cluster = largest(out)
    say(out, "name", cluster, "Barack Obama")
    whole = as_a_run_says_it(first, out, "--expected", str(first.parent / "roster.csv"))
    done = rematch(out)
    assert said(done) == whole
    assert {row["person"] for row in table(done, "faces") if row["cluster_id"] == cluster} == {
        "Barack Obama"
    }
    assert not list(latest(out).glob("shards/*")), "nothing is embedded"
    found = json.loads((done / "diff.json").read_text())
    assert found["counts"]["renamed_faces"] > 0
    assert found["counts"]["moved_faces"] == found["counts"]["new_faces"] == 0


def test_a_rematch_is_a_job_with_a_report_without_pictures(out: Path) -> None:
    told = say(out, "rematch")
    assert told.startswith("matched and clustered anew: no photo was read")
    job = latest(out)
    assert f"report: {job / 'results'}/report/index.html" in told
    report = (job / "results/report/index.html").read_text()
    assert "headcount rematch" in report
    assert 'src="data:image' not in report
    assert not list((job / "results").glob("annotated/*"))
    assert json.loads(say(out, "status", job.name, "--json"))["rematch"] is True
    assert [line.split() for line in say(out, "jobs").splitlines()][-1][3:] == ["(rematch)"]
    assert json.loads(say(out, "results", "--json"))["out"] == f"{(job / 'results').as_uri()}/"
    assert f"to {job.name}: 0 new faces" in say(out, "diff").replace("job ", "")


def test_what_is_not_said_is_as_in_the_latest_job_and_what_is_said_holds(
    first: Path, out: Path, tmp_path: Path
) -> None:
    assert table(rematch(out), "expected") == table(out, "expected")
    assert table(rematch(out, "--no-expected"), "expected") == []
    roster = tmp_path / "other.csv"
    roster.write_text("photo,person\ntable.jpg,Nobody Known\n")
    strict = rematch(out, "--expected", str(roster), "--purity", "1", "--format", "csv")
    assert [row["person"] for row in table(strict, "expected")] == ["Nobody Known"]
    assert (strict / "faces.csv").exists()
    assert summary(strict)["spec"]["purity"] == 1
    assert summary(rematch(out))["spec"]["purity"] == 1, "the latest job is the rematch"
    there = str(tmp_path / "there")
    say(out, "rematch", str(first.parent / "photos"), "--out", there)
    assert len(table(tmp_path / "there", "photos")) == len(table(out, "photos"))


def test_a_rematch_is_rolled_back_and_rolled_back_over(out: Path) -> None:
    before, cluster = summary(out)["job_id"], largest(out)
    say(out, "name", cluster, "Barack Obama")
    named = rematch(out)
    job = latest(out).name
    assert "Barack Obama" in say(out, "people")
    again = rematch(out)
    assert "1 later job undone" in say(out, "rollback", job)
    assert json.loads(say(out, "jobs", "--json"))[-1]["state"] == "undone"
    assert "1 later job undone" in say(out, "rollback", before)
    assert "Barack Obama" not in say(out, "people")
    for name in RESULTS:
        assert (named / f"{name}.parquet").exists(), "results that were written stay"
    assert said(rematch(out)) == said(named), "the answer stands, and the tables are as before"
    assert table(again, "faces") == table(named, "faces")


def test_a_rematch_that_is_cut_off_goes_on_and_says_what_a_calm_one_says(out: Path) -> None:
    say(out, "name", largest(out), "Barack Obama")
    twin = Path(shutil.copytree(out, out.with_name("twin")))
    calm = said(rematch(twin))
    process = start("rematch", "--archive", str(out / "archive"))
    was = latest(out)
    until(lambda: latest(out) != was and (latest(out) / f"done/{PREPARE}.json").exists())
    process.kill()
    process.communicate()
    job = latest(out)
    assert not (job / "finished.json").exists()
    ended = headcount("rematch", "--archive", str(out / "archive"))
    assert ended.returncode == 0, ended.stderr
    if "going on" in ended.stderr:
        assert latest(out) == job
    say(out, "resume", job.name)
    assert said(job / "results") == calm


def test_a_detached_rematch_is_driven_by_a_supervisor(out: Path) -> None:
    job = say(out, "rematch", "--detach").strip()
    assert job == latest(out).name
    assert not (latest(out) / "finished.json").exists()
    say(out, "supervise", "--once")
    assert len(table(latest(out) / "results", "faces")) == len(table(out, "faces"))


def test_a_first_look_is_matched_anew_as_one_and_goes_on_with_all(
    samples: Path, tmp_path: Path
) -> None:
    shutil.copytree(samples / "photos", tmp_path / "photos")
    out = tmp_path / "out"
    run(tmp_path, out, "--first", "4", "--expected", str(samples / "expected.csv"))
    done = rematch(out)
    assert summary(done)["sample_of"] == summary(out)["sample_of"]
    for name in ("photos", "faces", "clusters", "expected"):
        assert table(done, name) == table(out, name)
    ended = headcount("resume", latest(out).name, "--archive", str(out / "archive"))
    assert ended.returncode == 0, ended.stderr
    whole = latest(out)
    assert summary(whole / "results")["photos"] == summary(out)["sample_of"]


def test_a_run_that_was_cut_off_goes_on_after_a_rematch(samples: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(samples / "photos", photos)
    late = (photos / "table.jpg").rename(tmp_path / "table.jpg")
    run(tmp_path, out)
    late.rename(photos / "table.jpg")
    where = (str(photos), "--archive", str(out / "archive"), "--out", str(out))
    job = headcount("submit", *where).stdout.strip()
    keys = out / "archive/jobs" / job
    process = start("supervise", job, "--archive", str(out / "archive"), **crew_environment())
    until((keys / "attempts/embed-0000000").exists)
    process.kill()
    process.communicate()
    rematch(out)
    say(out, "resume", job)
    assert "table.jpg" in {row["photo"] for row in table(out, "photos")}
    assert json.loads((keys / "plan.json").read_text())["after"] != ""


def crew_environment() -> dict[str, str]:
    """The settings that the module's ``headcount`` has."""
    return dict(headcount.keywords)  # type: ignore[attr-defined]


def test_an_archive_without_results_and_collections_it_lacks_are_told_in_words(
    samples: Path, out: Path, tmp_path: Path
) -> None:
    archive = ("--archive", str(out / "archive"))
    other = headcount("rematch", str(tmp_path / "nowhere"), *archive)
    assert (other.returncode, other.stdout) == (1, "")
    assert "It has those of\n    file://" in other.stderr
    shutil.copytree(samples / "photos", tmp_path / "second")
    ended = headcount("run", str(tmp_path / "second"), "--out", str(tmp_path / "2"), *archive)
    assert ended.returncode == 0, ended.stderr
    several = headcount("rematch", *archive)
    assert several.returncode == 1
    assert "several collections: say which one" in several.stderr
    assert len(several.stderr.strip().splitlines()) == 3
    say(out, "rematch", str(tmp_path / "second"))
    assert len(list(open_store(str(out / "archive")).list("commits/"))) == 2


def test_a_large_archive_is_matched_anew_in_several_tasks_by_workers_without_any_model(
    tmp_path: Path,
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    made_up_archive(photos, out / "archive", 3000, fragments=4)
    run(tmp_path, out)
    say(out, "name", largest(out), "Ada")
    twin = Path(shutil.copytree(out, tmp_path / "twin"))
    shutil.rmtree(photos)
    whole = said(rematch(out))
    where = ("--archive", str(twin / "archive"), "--workers", "2")
    broken = {"HEADCOUNT_MODEL": str(tmp_path / "nowhere"), "HEADCOUNT_REDUCE_FACES": "1000"}
    ended = plain_headcount("rematch", *where, **broken)  # with a broker and workers of its own
    assert ended.returncode == 0, ended.stderr
    assert len(list((latest(twin) / "done").glob("match-*.json"))) > 1
    assert said(latest(twin) / "results") == whole


def test_in_a_run_s_own_folder_no_picture_with_names_of_before_stays(
    samples: Path, tmp_path: Path
) -> None:
    shutil.copytree(samples / "photos", tmp_path / "photos")
    where = ("run", str(tmp_path / "photos"), "--out", str(tmp_path / "shown"))
    assert headcount(*where).returncode == 0
    shown = tmp_path / "shown"
    assert list(shown.glob("annotated/*"))
    say(shown, "rematch", "--out", str(shown))
    assert not list(shown.glob("annotated/*"))
    assert "no pictures" in (shown / "report/index.html").read_text()
    assert summary(shown)["spec"]["rematch"]
