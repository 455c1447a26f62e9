"""Nights with a budget on a cluster of plain processes, killed again and again around the cut."""

import json
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from headcount.broker.client import Broker
from headcount.contract.layout import PREPARE, JobKeys, shard_name
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.jobs import CutRecord, FinishedRecord
from tests.clusters import PHOTOS, Cluster, fake_worker, until
from tests.integration.mortal_supervisor import drive
from tests.running import comparable, headcount, summary, table

pytestmark = pytest.mark.integration

A_LITTLE = str(0.2 / 3600)
"""Worker-hours: a shard that is in hand spends them, and is done all the same."""


class Crew:
    """One worker at a time; one that is killed is replaced."""

    def __init__(self, broker_url: str, log: Path) -> None:
        self._new = lambda: fake_worker(broker_url, log, FAKE_ENGINE_SECONDS="0.05")
        self._stack = ExitStack()
        self._worker = self._stack.enter_context(self._new())

    def kill_at(self, job: Cluster) -> threading.Thread:
        """Kill the worker as soon as the job is cut, with a shard in hand; begin another."""
        keys = JobKeys(job.job)

        def body() -> None:
            until(lambda: find_record(job.store, keys.cut, CutRecord))
            self._worker.send_signal(signal.SIGKILL)
            self._worker = self._stack.enter_context(self._new())

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        """End the workers."""
        self._stack.close()


@pytest.fixture
def crew_of_one(broker_url: str, tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(broker_url, tmp_path / "worker.log")
    yield crew
    crew.end()


def drive_to_its_end(cluster: Cluster, broker_url: str, graves: Path) -> list[int | None]:
    """Drive the job with one mortal supervisor after another; their exit codes."""
    context = multiprocessing.get_context("forkserver")  # a process each, without its imports
    context.set_forkserver_preload(["pytest", drive.__module__])
    ends: list[int | None] = []
    while 0 not in ends:
        arguments = (str(cluster.archive), cluster.job, broker_url, graves, 2.0)
        supervisor = context.Process(target=drive, args=arguments, daemon=True)
        supervisor.start()
        supervisor.join(100)
        ends.append(supervisor.exitcode)
        assert ends[-1] in (0, -signal.SIGKILL)
    return ends


def test_nights_whose_supervisors_and_workers_are_killed_at_the_cut_lose_nothing(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path, crew_of_one: Crew
) -> None:
    cluster, graves = Cluster(samples, tmp_path, broker_url), tmp_path / "graves"
    cluster.run("cancel", cluster.job)  # it has no budget
    graves.mkdir()
    ends, left = [], [PHOTOS]
    while left[-1]:
        cluster.job = cluster.submit(cluster.out, "--worker-hours", A_LITTLE)
        killer = crew_of_one.kill_at(cluster) if len(left) < 3 else None
        ends += drive_to_its_end(cluster, broker_url, graves)
        if killer:
            killer.join()
        finished = read_record(cluster.store, JobKeys(cluster.job).finished, FinishedRecord)
        left.append(finished.left)
        assert (finished.state, summary(cluster.out)["left"]) == ("done", finished.left)
        assert len(table(cluster.out, "photos")) == PHOTOS - finished.left
    died = {unquote(grave.name) for grave in graves.iterdir()}
    assert {"put_new jobs//cut.json", "take_back embed"} <= died
    assert len(ends) > 20
    assert left == sorted(left, reverse=True)
    assert len(left) > 3
    cluster.one_outcome_each()
    for name in ("photos", "faces", "people"):  # a cluster's id comes from its first night's faces
        out, plain = (
            comparable(table(out, name), "etag", "cluster_id") for out in (cluster.out, calm)
        )
        assert out == plain, name


def test_a_job_that_is_to_end_by_a_time_before_it_can_be_done_ends_well_and_says_what_it_left(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    cluster.run("cancel", cluster.job)  # it has no budget
    soon = (now() + timedelta(seconds=12)).isoformat()
    cluster.job = cluster.submit(cluster.out, "--until", soon)
    half_a_minute = str(30 / PHOTOS)
    with fake_worker(broker_url, tmp_path / "worker.log", FAKE_ENGINE_SECONDS=half_a_minute):
        ended = cluster.run("supervise", "--once")
    assert ended.returncode == 0, ended.stderr
    assert f"--until {soon} is reached" in ended.stderr
    left = summary(cluster.out)["left"]
    assert left > 0
    assert f"{left} photos left" in cluster.run("status", cluster.job).stdout
    cluster.job = cluster.submit(cluster.out)
    with fake_worker(broker_url, tmp_path / "worker.log", FAKE_ENGINE_SECONDS="0"):
        assert cluster.run("supervise", "--once").returncode == 0
    assert summary(cluster.out)["left"] == 0
    cluster.one_outcome_each()


def test_only_the_shards_of_a_job_that_wait_in_the_queue_are_taken_back(broker_url: str) -> None:
    broker = Broker(broker_url)
    shards = [shard_name(number) for number in range(3)]
    for job, unit in (("a", PREPARE), ("a", shards[0]), ("a", shards[1]), ("b", shards[2])):
        broker.send(UnitMessage(archive="file:///a/", job_id=job, unit=unit))
    assert broker.take_back("a") == set(shards[:2])
    assert (broker.waiting("a"), broker.waiting("b")) == ({PREPARE}, {shards[2]})
    assert broker.take_back("a") == set()


def test_a_plan_says_how_many_photos_the_budget_lets_a_job_do(samples: Path) -> None:
    plan = ("plan", str(samples / "photos"), "--sample", "2", "--worker-hours", "0.000001")
    told = json.loads(headcount(*plan, "--json").stdout)
    assert (told["budget"]["photos"], told["budget"]["photos_by_then"]) == (7, 0)
    assert told["sample"]["photos"] == 2  # the sample has no budget


def test_a_run_that_is_told_when_to_end_says_what_it_left_and_the_same_command_goes_on(
    samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("run", str(samples / "photos"), "--annotate", "0", "--out", str(out))
    small = {"HEADCOUNT_SHARD_PHOTOS": "1", "HEADCOUNT_WINDOW": "2"}
    first = headcount(*command, "--worker-hours", "0.000001", **small)
    assert first.returncode == 0, first.stderr
    left = summary(out)["left"]
    assert 0 < left < 7
    assert f"{left} photo" in first.stdout
    assert "the next job over this collection goes on with them" in first.stdout
    (job,) = {path.name for path in (out / "archive/jobs").iterdir()}
    told = json.loads(headcount("status", job, "--archive", str(out / "archive"), "--json").stdout)
    assert told["left"]["reason"] == "--worker-hours 1e-06 are spent"
    assert told["finished"]["left"] == told["left"]["photos"] == left
    again = headcount(*command, **small)
    assert again.returncode == 0, again.stderr
    assert (summary(out)["photos"], summary(out)["left"]) == (7, 0)


@pytest.mark.parametrize("until", ["25:00", "tomorrow", "2020-01-01T06:00"])
def test_a_time_that_is_none_or_past_is_a_usage_error(tmp_path: Path, until: str) -> None:
    photos, archive = str(tmp_path), str(tmp_path / "archive")
    ended = headcount("submit", photos, "--archive", archive, "--until", until)
    assert ended.returncode == 2
    assert "--until" in ended.stderr


def test_a_schedule_takes_a_time_and_no_date(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    add = ("schedule", "add", "home", str(tmp_path), "--cron", "0 2 * * *", "--archive", archive)
    refused = headcount(*add, "--until", "2100-01-01T06:00")
    assert (refused.returncode, "a time such as 06:00" in refused.stderr) == (2, True)
    assert headcount(*add, "--until", "06:00", "--worker-hours", "20").returncode == 0
    (kept,) = json.loads(headcount("schedule", "list", "--json", "--archive", archive).stdout)
    assert (kept["until"], kept["worker_hours"]) == ("06:00", 20.0)
