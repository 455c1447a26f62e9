"""Nights on a cluster of plain processes: three in a row, and beat that fires."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from headcount.broker.client import Broker
from headcount.contract.messages import FireMessage
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, canonical_uri, open_store
from orchestrator.commands.supervise import drive
from orchestrator.console.metrics import Watch
from orchestrator.jobs.window import Window
from orchestrator.schedules.schedule import Scheduler
from tests.running import environment, headcount, start, table

pytestmark = pytest.mark.integration

FIRST = datetime(2100, 11, 25, 1, tzinfo=UTC)  # 02:00 in Zurich, after the schedule is made
DAY = timedelta(days=1)

BEAT = """
import sys, threading, time
from datetime import UTC, datetime, timedelta
from headcount.broker.beat import Beat

def seconds(number):
    return datetime.now(UTC) + timedelta(seconds=number)

def next_night():
    while True:
        time.sleep(6)
        beat.set({"home": seconds(1)})

beat = Beat(sys.argv[1], "file:///archive/")
beat.set({"home": seconds(2), "late": seconds(-30)})
threading.Thread(target=next_night, daemon=True).start()
beat.run()
"""


@pytest.fixture
def worker(broker_url: str) -> Iterator[subprocess.Popen[str]]:
    process = start("worker", "--queues", "embed,reduce", HEADCOUNT_BROKER_URL=broker_url)
    yield process
    process.kill()
    process.communicate(timeout=20)


def test_three_nights_each_with_what_changed(
    samples: Path, tmp_path: Path, broker_url: str, worker: subprocess.Popen[str]
) -> None:
    photos, archive = tmp_path / "photos", str(tmp_path / "archive")
    shutil.copytree(samples / "photos", photos)
    names = sorted(path.name for path in photos.iterdir())
    added = headcount(
        *("schedule", "add", "home", str(photos), "--cron", "0 2 * * *"),
        *("--timezone", "Europe/Zurich", "--archive", archive, "--annotate", "0"),
    )
    assert added.returncode == 0, added.stderr
    store = open_store(canonical_uri(archive))

    def night(number: int) -> dict[str, int]:
        return take_the_roll(store, Broker(broker_url), FIRST + number * DAY)

    assert night(0) == {"new": 7, "changed": 0, "known": 0, "removed": 0}
    (photos / names[0]).unlink()
    shutil.copy(photos / names[1], photos / "added.jpg")
    assert night(1) == {"new": 1, "changed": 0, "known": 6, "removed": 1}
    shutil.copy(photos / names[3], photos / names[2])
    assert night(2) == {"new": 0, "changed": 1, "known": 6, "removed": 0}

    results = Path(archive, "nights", "home")
    assert sorted(p.name for p in results.iterdir()) == ["2100-11-25", "2100-11-26", "2100-11-27"]
    found = [{row["photo"] for row in table(p, "photos")} for p in sorted(results.iterdir())]
    assert found[0] == set(names)
    assert found[1] == found[2] == set(names) - {names[0]} | {"added.jpg"}

    (listed,) = json.loads(headcount("schedule", "list", "--json", "--archive", archive).stdout)
    assert (listed["name"], listed["state"]) == ("home", "done")
    assert listed["latest"]["label"] == "2100-11-27"
    assert headcount("schedule", "remove", "home", "--archive", archive).returncode == 0


def idle() -> None:
    """Nothing to look after meanwhile."""


def take_the_roll(store: Store, broker: Broker, moment: datetime) -> dict[str, int]:
    """One night at ``moment``: what its plan says."""
    settings, s3 = Settings(poll_seconds=0.1), S3Settings()
    told: list[dict[str, object]] = []
    keeper = Scheduler(store, settings=settings, s3=s3, hook=told.append, clock=lambda: moment)
    (night,) = keeper.look()
    window = Window(settings.window)
    assert drive(store, night.job_id, broker, settings, s3, Watch(broker), window, idle) == 0
    keeper.tell()
    assert [(body["event"], body["results"]) for body in told] == [("night.done", night.out)]
    plan = json.loads(store.get(f"jobs/{night.job_id}/plan.json").data)
    return {name: plan[name] for name in ("new", "changed", "known", "removed")}


def test_beat_fires_what_it_is_told_also_when_late_and_after_the_broker_lost_everything(
    broker_url: str,
) -> None:
    broker = Broker(broker_url)
    process = subprocess.Popen(
        [sys.executable, "-c", BEAT, broker_url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    fired: list[FireMessage] = []
    deadline = time.monotonic() + 90
    valkey = redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://"))
    try:
        while not fired and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
            fired += broker.fired()
        valkey.flushall()  # a broker that loses all it has loses no schedule
        while len(fired) < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
            fired += broker.fired()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    names = [each.schedule for each in fired]
    assert names[0] == "late", errors.decode()
    assert set(names) == {"late", "home"}, errors.decode()
    assert {each.archive for each in fired} == {"file:///archive/"}
