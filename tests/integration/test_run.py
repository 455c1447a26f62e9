"""The main job as a user runs it: one command, real broker, worker, models and photos."""

import json
import signal
import time
from datetime import datetime
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from headcount.contract import results as contract
from tests.running import comparable, descendants, headcount, start, summary, table

pytestmark = pytest.mark.integration

SIX_FRIENDS = "table.jpg"
WITH_OBAMA = {"address.jpg", "blue-room.jpg", "cropped-left.jpg", "cropped-right.jpg"}


def run(samples: Path, out: Path, *more: str) -> "object":
    return headcount(
        "run",
        str(samples / "photos"),
        "--people",
        str(samples / "people"),
        "--out",
        str(out),
        *more,
    )


@pytest.fixture(scope="module")
def done(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    ended = run(samples, out, "--expected", str(samples / "expected.csv"))
    assert ended.returncode == 0, ended.stderr
    assert f"report: {out}/report/index.html" in ended.stdout
    return out


def test_every_photo_has_one_row_and_one_outcome(samples: Path, done: Path) -> None:
    rows = table(done, "photos")
    assert sorted(row["photo"] for row in rows) == sorted(
        p.name for p in (samples / "photos").iterdir()
    )
    assert {row["outcome"] for row in rows} <= {"faces", "no_face"}
    assert summary(done)["photos"] == len(rows)


def test_photos_tell_when_they_were_taken_in_the_table_and_in_the_report(done: Path) -> None:
    rows = {row["photo"]: row for row in table(done, "photos") if row["taken"]}
    told = {photo: (row["taken_source"], row["taken_offset"]) for photo, row in rows.items()}
    assert told == {
        "address.jpg": ("xmp", -300),
        "blue-room.jpg": ("exif", None),
        "vice-president.jpg": ("exif", None),
    }
    assert rows["blue-room.jpg"]["taken"] == datetime(2010, 5, 10, 10, 4, 1, 750_000)
    assert 'data-taken="2009-09-09T12:18:46"' in (done / "report/index.html").read_text()


def test_the_tables_are_those_of_the_contract(done: Path) -> None:
    for name, schema in [
        ("photos", contract.PHOTOS),
        ("faces", contract.FACES),
        ("people", contract.PEOPLE),
        ("clusters", contract.CLUSTERS),
    ]:
        assert pq.read_schema(done / f"{name}.parquet").remove_metadata().equals(schema)


def test_the_enrolled_person_is_found_in_other_photos_and_nobody_else_is_named(done: Path) -> None:
    named = {(r["photo"], r["person"]) for r in table(done, "faces") if r["person"]}
    assert {person for _, person in named} == {"Barack Obama"}
    assert {photo for photo, _ in named} <= WITH_OBAMA
    assert {"address.jpg", "blue-room.jpg"} <= {photo for photo, _ in named}


def test_six_people_at_one_table_are_six_clusters(done: Path) -> None:
    faces = [r for r in table(done, "faces") if r["photo"] == SIX_FRIENDS]
    assert len(faces) == 6
    assert {r["decision"] for r in faces} == {"unknown"}
    assert len({r["cluster_id"] for r in faces}) == 6


def test_whoever_was_expected_and_not_found_is_counted_and_shown(done: Path) -> None:
    found = {(r["photo"], r["person"]): r["status"] for r in table(done, "expected")}
    assert found == {
        ("address.jpg", "Barack Obama"): "present",
        ("blue-room.jpg", "Barack Obama"): "present",
        ("table.jpg", "Barack Obama"): "absent",
        ("vice-president.jpg", "Joe Biden"): "not_enrolled",
    }
    assert (summary(done)["expected"], summary(done)["expected_missing"]) == (4, 1)
    assert "Expected and not found" in (done / "report" / "index.html").read_text()
    assert (done / "annotated" / "table.jpg.jpg").is_file()


def test_results_and_export_find_the_latest_job(done: Path, tmp_path: Path) -> None:
    archive = ("--archive", str(done / "archive"))
    told = headcount("results", *archive)
    assert told.returncode == 0, told.stderr
    assert f"report: {done}/report/index.html" in told.stdout
    assert json.loads(headcount("results", "--json", *archive).stdout)["summary"] == summary(done)
    exported = headcount(
        *("export", *archive, "--to", str(tmp_path / "csv")),
        *("--format", "csv", "--format", "jsonl", "--table", "faces"),
    )
    assert exported.returncode == 0, exported.stderr
    assert sorted(p.name for p in (tmp_path / "csv").iterdir()) == [
        "faces.csv",
        "faces.jsonl",
        "tables.json",
    ]
    lines = (tmp_path / "csv" / "faces.jsonl").read_text().splitlines()
    assert [json.loads(line)["face_id"] for line in lines] == [
        row["face_id"] for row in table(done, "faces")
    ]


def test_results_of_no_job_say_so(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "archive.json").touch()
    told = headcount("results", "--archive", str(tmp_path / "archive"))
    assert (told.returncode, told.stdout) == (1, "")
    assert "has results yet" in told.stderr


def test_every_table_is_exported_unless_told_otherwise(done: Path, tmp_path: Path) -> None:
    exported = headcount("export", "--archive", str(done / "archive"), "--to", str(tmp_path))
    assert exported.returncode == 0, exported.stderr
    names = ("photos", "faces", "people", "clusters", "lineage", "expected")
    names += ("captions", "people_by_folder", "people_by_date", "together")
    assert {p.name for p in tmp_path.iterdir()} == {"tables.json"} | {
        f"{name}.csv" for name in names
    }
    assert f"lineage.csv: {len(table(done, 'lineage')):,} row" in exported.stdout


def test_a_second_run_embeds_nothing_and_says_the_same(samples: Path, done: Path) -> None:
    before = [comparable(table(done, name)) for name in ("photos", "faces", "people", "clusters")]
    again = run(samples, done, "--expected", str(samples / "expected.csv"))
    assert again.returncode == 0, again.stderr
    plan = _plans(done)[-1]
    assert (plan["new"], plan["changed"], plan["shards"]) == (0, 0, 0)
    after = [comparable(table(done, name)) for name in ("photos", "faces", "people", "clusters")]
    assert after == before


def _plans(out: Path) -> list[dict[str, int]]:
    return [json.loads(p.read_text()) for p in sorted((out / "archive/jobs").glob("*/plan.json"))]


def test_new_changed_and_removed_photos_are_all_that_the_next_run_sees(
    samples: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("address.jpg", "blue-room.jpg"):
        (photos / name).write_bytes((samples / "photos" / name).read_bytes())
    people = ("--people", str(samples / "people"))
    assert headcount("run", str(photos), "--out", str(out), *people).returncode == 0
    (photos / "blue-room.jpg").unlink()
    (photos / "address.jpg").write_bytes((samples / "photos" / "portrait.png").read_bytes())
    (photos / "table.jpg").write_bytes((samples / "photos" / "table.jpg").read_bytes())
    assert headcount("run", str(photos), "--out", str(out), *people).returncode == 0
    plan = _plans(out)[-1]
    assert [plan[k] for k in ("new", "changed", "known", "removed")] == [1, 1, 0, 1]
    assert {r["photo"] for r in table(out, "photos")} == {"address.jpg", "table.jpg"}
    assert {r["photo"] for r in table(out, "faces")} <= {"address.jpg", "table.jpg"}
    assert not [r for r in table(out, "faces") if r["person"]]


def wait_for_children(pid: int, number: int) -> list[psutil.Process]:
    for _ in range(200):
        children = descendants(pid)
        if len(children) >= number:
            return children
        time.sleep(0.1)
    raise AssertionError("the run started no children")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_running_however_the_run_ends(
    samples: Path, tmp_path: Path, how: signal.Signals
) -> None:
    process = start(
        "run",
        str(samples / "photos"),
        "--people",
        str(samples / "people"),
        "--out",
        str(tmp_path / "out"),
    )
    children = wait_for_children(process.pid, 3)  # broker host, Valkey, worker
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
