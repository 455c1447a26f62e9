"""A job handed to a cluster of plain processes: submit, supervise, worker, status, watch."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from headcount.broker.client import Broker
from tests.running import comparable, headcount, start, table
from tests.servers import S3Server

pytestmark = pytest.mark.integration


@pytest.fixture
def worker(broker_url: str) -> Iterator[subprocess.Popen[str]]:
    process = start("worker", HEADCOUNT_BROKER_URL=broker_url)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=20)


def test_a_submitted_job_is_done_by_whoever_listens(
    samples: Path, tmp_path: Path, broker_url: str, worker: subprocess.Popen[str]
) -> None:
    archive = str(tmp_path / "archive")
    cluster = {"HEADCOUNT_BROKER_URL": broker_url, "HEADCOUNT_ARCHIVE": archive}
    submitted = headcount(
        *("submit", str(samples / "photos"), "--people", str(samples / "people")),
        *("--out", str(tmp_path / "out"), "--format", "csv"),
        **cluster,
    )
    assert submitted.returncode == 0, submitted.stderr
    job = submitted.stdout.strip()
    before = json.loads(headcount("status", job, "--json", **cluster).stdout)
    assert (before["state"], before["plan"]["new"]) == ("submitted", 7)

    supervised = headcount("supervise", "--once", **cluster)
    assert supervised.returncode == 0, supervised.stderr
    assert len(table(tmp_path / "out", "photos")) == 7
    assert (tmp_path / "out" / "faces.csv").is_file()

    after = json.loads(headcount("status", job, "--json", **cluster).stdout)
    assert after["state"] == "done"
    assert after["finished"]["photos"] == 7
    watched = headcount("watch", job, **cluster)
    assert watched.returncode == 0
    assert f"job {job}: done" in watched.stdout
    people = json.loads(headcount("people", "--json", **cluster).stdout)
    assert [(p["person"], p["reference_count"]) for p in people] == [("Barack Obama", 1)]
    jobs = json.loads(headcount("jobs", "--json", **cluster).stdout)
    assert [j["job_id"] for j in jobs] == [job]

    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=30)
    assert worker.returncode == 0


def test_run_with_a_broker_set_gives_its_work_to_that_brokers_workers(
    samples: Path, tmp_path: Path, broker_url: str, worker: subprocess.Popen[str]
) -> None:
    photos, people = str(samples / "photos"), str(samples / "people")
    ended = headcount(
        *("run", photos, "--people", people, "--out", str(tmp_path / "a")),
        HEADCOUNT_BROKER_URL=broker_url,
    )
    assert ended.returncode == 0, ended.stderr
    assert Broker(broker_url).worker_count() == 1
    alone = headcount("run", photos, "--people", people, "--out", str(tmp_path / "b"))
    assert alone.returncode == 0, alone.stderr
    for name in ("photos", "faces", "people", "clusters"):
        assert comparable(table(tmp_path / "a", name)) == comparable(table(tmp_path / "b", name))


def test_a_worker_with_two_shards_in_hand_that_batches_finds_the_same(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    photos, people = str(samples / "photos"), str(samples / "people")
    archive = tmp_path / "archive"
    worker = start(
        "worker",
        HEADCOUNT_BROKER_URL=broker_url,
        HEADCOUNT_SHARDS_AT_ONCE="2",
        HEADCOUNT_BATCHING="on",
    )
    try:
        ended = headcount(
            *("run", photos, "--people", people, "--out", str(tmp_path / "a")),
            *("--archive", str(archive)),
            HEADCOUNT_BROKER_URL=broker_url,
            HEADCOUNT_SHARD_PHOTOS="2",
        )
    finally:
        worker.kill()
        worker.communicate(timeout=20)
    assert ended.returncode == 0, ended.stderr
    alone = headcount("run", photos, "--people", people, "--out", str(tmp_path / "b"))
    assert alone.returncode == 0, alone.stderr
    rounded = ("x", "y", "w", "h", "landmarks", "detection_score", "quality")
    likeness = ("similarity", "probability", "margin")
    some, others = (
        comparable(table(tmp_path / name, "faces"), *rounded, *likeness) for name in "ab"
    )
    assert some == others
    assert len(some) == 12
    assert at_once(archive) == 2


def at_once(archive: Path) -> int:
    """How many shards of the only job were in hand at the same time, at most."""
    spans = []
    for path in archive.glob("jobs/*/done/embed-*.json"):
        done = json.loads(path.read_text())
        (attempt,) = archive.glob(f"jobs/*/attempts/{done['unit']}/*.json")
        began = datetime.fromisoformat(json.loads(attempt.read_text())["started"]).timestamp()
        spans.append((began, began + done["seconds"]))
    assert len(spans) == 4
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def test_a_failed_job_says_why_and_can_be_resumed(samples: Path, tmp_path: Path) -> None:
    people, archive = tmp_path / "people", str(tmp_path / "archive")
    (people / "Ada").mkdir(parents=True)
    (people / "Ada" / "x.jpg").write_bytes(b"no photo")
    failed = headcount(
        *("run", str(samples / "photos"), "--people", str(people)),
        *("--out", str(tmp_path / "out"), "--archive", archive),
    )
    assert failed.returncode == 1
    jobs = json.loads(headcount("jobs", "--json", "--archive", archive).stdout)
    job = jobs[0]["job_id"]
    status = headcount("status", job, "--archive", archive)
    assert status.returncode == 1
    assert "Ada/x.jpg" in status.stdout
    portrait = samples / "people" / "Barack Obama" / "obama.jpg"
    (people / "Ada" / "x.jpg").write_bytes(portrait.read_bytes())
    resumed = headcount("resume", job, "--archive", archive)
    assert resumed.returncode == 0, resumed.stderr
    named = {r["person"] for r in table(tmp_path / "out", "faces") if r["person"]}
    assert named == {"Ada"}


def test_doctor_finds_everything_well_on_s3(s3: S3Server, broker_url: str) -> None:
    s3.make_bucket("checkup")
    ended = headcount(
        *("doctor", "--json", "--archive", "s3://checkup/archive/"),
        **s3.env(),
        HEADCOUNT_BROKER_URL=broker_url,
    )
    checks = json.loads(ended.stdout)
    assert [c["name"] for c in checks if not c["ok"]] == []
    assert {"broker", "archive", "model pack", "onnxruntime"} <= {c["name"] for c in checks}


def test_doctor_names_what_is_wrong(s3: S3Server) -> None:
    ended = headcount(
        *("doctor", "--json", "--archive", "s3://no-such-bucket/archive/", "--provider", "cuda"),
        **s3.env(),
        HEADCOUNT_BROKER_URL="redis://127.0.0.1:1/0",
    )
    assert ended.returncode == 1
    wrong = {c["name"]: c["detail"] for c in json.loads(ended.stdout) if not c["ok"]}
    assert set(wrong) == {"broker", "archive", "model pack"}
    assert "cpu" in wrong["model pack"]
