"""Units side by side in one worker process."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from headcount.broker.client import Broker
from headcount.contract.stored.jobs import DoneMarker
from headcount.jobs import attempts
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from workers.models.providers import CPU, CUDA
from workers.models.session import units_at_once
from workers.runtime import runner
from workers.runtime.runner import Heartbeat, run_unit
from workers.runtime.unit import Context, Unit


class Deaf(Broker):
    """A broker that nobody needs."""

    def __init__(self) -> None:
        pass

    def send_heartbeat(self, job_id: str, unit: str, state: dict[str, Any]) -> None:
        """Hears nothing."""


class Hearing(Deaf):
    """A broker that keeps heartbeats."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def send_heartbeat(self, job_id: str, unit: str, state: dict[str, Any]) -> None:
        self.heard.append(state)


class Work:
    """Work that notes what it began and ends when it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.changed = threading.Condition()
        self.ended: set[str] = set()

    def __call__(self, unit: Unit) -> DoneMarker:
        with self.changed:
            self.begun.append(unit.name)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: unit.name in self.ended, 60)
        return DoneMarker(unit=unit.name, attempt=unit.attempt, worker="w", seconds=0)

    def end(self, name: str) -> None:
        with self.changed:
            self.ended.add(name)
            self.changed.notify_all()

    def until_begun(self, *names: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.begun == list(names), 60)


@pytest.fixture
def context() -> Context:
    return Context(Settings(), S3Settings(), "w")


def unit(context: Context, folder: Path, name: str) -> Unit:
    return Unit(context, open_store(canonical_uri(str(folder))), "j1", name)


def suspected(context: Context, folder: Path, name: str) -> Unit:
    """A shard on which so many workers died that it is to be worked on carefully."""
    suspect = unit(context, folder, name)
    for _ in range(attempts.CAREFUL_FROM - 1):
        attempts.claim(suspect.store, suspect.keys, suspect.name, "w")
    return suspect


def begin(pool: ThreadPoolExecutor, work: Work, what: Unit) -> "Future[None]":
    return pool.submit(run_unit, what, work, Deaf())


def test_two_shards_are_in_hand_at_once(context: Context, tmp_path: Path) -> None:
    work = Work()
    with ThreadPoolExecutor(2) as pool:
        first = begin(pool, work, unit(context, tmp_path, "embed-0"))
        work.until_begun("embed-0")
        second = begin(pool, work, unit(context, tmp_path, "embed-1"))
        work.until_begun("embed-0", "embed-1")
        work.end("embed-0")
        work.end("embed-1")
        first.result(60)
        second.result(60)


def test_a_shard_that_killed_its_workers_is_alone_and_who_waits_for_it_counts_no_attempt(
    context: Context, tmp_path: Path
) -> None:
    work, suspect = Work(), suspected(context, tmp_path, "embed-0")
    other, reduce = (unit(context, tmp_path, name) for name in ("embed-1", "reduce"))
    with ThreadPoolExecutor(3) as pool:
        careful = begin(pool, work, suspect)
        work.until_begun("embed-0")
        waits = begin(pool, work, other)
        beside = begin(pool, work, reduce)
        work.until_begun("embed-0", "reduce")
        assert attempts.count(other.store, other.keys, other.name) == 0
        work.end("embed-0")
        work.until_begun("embed-0", "reduce", "embed-1")
        work.end("embed-1")
        work.end("reduce")
        for future in (careful, waits, beside):
            future.result(60)
    assert suspect.attempt == attempts.CAREFUL_FROM
    assert other.attempt == 1


def test_a_shard_that_waits_and_is_given_up_never_begins(context: Context, tmp_path: Path) -> None:
    work, suspect = Work(), suspected(context, tmp_path, "embed-0")
    other = unit(context, tmp_path, "embed-1")
    with ThreadPoolExecutor(2) as pool:
        careful = begin(pool, work, suspect)
        work.until_begun("embed-0")
        waits = begin(pool, work, other)
        other.stop_requested.set()
        waits.result(60)
        work.end("embed-0")
        careful.result(60)
    assert work.begun == ["embed-0"]
    assert attempts.count(other.store, other.keys, other.name) == 0


@pytest.mark.parametrize(
    ("available", "told", "expected"),
    [([CPU], None, 1), ([CUDA, CPU], None, 2), ([CUDA, CPU], 1, 1), ([CPU], 3, 3)],
)
def test_a_gpu_has_two_shards_in_hand_unless_told_otherwise(
    available: list[str], told: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.models.session.available_providers", lambda: available)
    assert units_at_once(Settings(shards_at_once=told)) == expected


def test_a_photo_that_takes_long_is_told_of_in_heartbeats_and_once_in_the_log(
    context: Context,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker, shard = Hearing(), unit(context, tmp_path, "embed-0")
    heartbeat = Heartbeat(shard, broker)
    with shard.at_photo("quick.jpg"):
        heartbeat.send("working")
    monkeypatch.setattr(runner, "SLOW_PHOTO_SECONDS", 0.0)
    with shard.at_photo("slow.jpg"), ThreadPoolExecutor(1) as beside:
        beside.submit(_at, shard, "later.jpg").result(60)
        heartbeat.send("working")
        heartbeat.send("working")
    heartbeat.send("working")
    told = [beat.get("slow") for beat in broker.heard]
    slow = {"worker": "w", "photo": "slow.jpg", "seconds": 0}
    assert told == [None, slow, slow, None]
    assert caplog.text.count("is at the photo slow.jpg for") == 1


def _at(shard: Unit, key: str) -> None:
    with shard.at_photo(key):
        longest = shard.longest_in_hand()
        assert longest is not None
        assert longest[0] == "slow.jpg"
