"""Pausing, cancelling, resuming and draining, with real processes and an engine of known cost."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headcount.layout import JobKeys
from tests.running import environment, headcount, start, summary, table

pytestmark = pytest.mark.integration

LATENCY = "0.1"
PHOTOS = 60


def copies_of_one(samples: Path, folder: Path, number: int = PHOTOS) -> Path:
    """``number`` photos that show the same and are not the same file."""
    folder.mkdir(parents=True)
    content = (samples / "photos" / "address.jpg").read_bytes()
    for n in range(number):
        (folder / f"{n:03d}.jpg").write_bytes(content + f"copy {n}".encode())
    return folder


@contextmanager
def fake_worker(broker_url: str, log: Path, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "HEADCOUNT_BROKER_URL": broker_url,
        "HEADCOUNT_THREADS": "1",
        "FAKE_ENGINE_SECONDS": LATENCY,
    }
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.fake_engine"],
            stderr=stderr,
            env=environment(**(settings | extra)),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


class Cluster:
    """An archive with one job submitted to it, and the broker it goes through."""

    def __init__(self, samples: Path, folder: Path, broker_url: str, **settings: str) -> None:
        self.photos = copies_of_one(samples, folder / "photos")
        self.out = folder / "out"
        self.archive = folder / "archive"
        self.settings = {
            "HEADCOUNT_BROKER_URL": broker_url,
            "HEADCOUNT_ARCHIVE": str(self.archive),
            "HEADCOUNT_SHARD_PHOTOS": "10",
            "HEADCOUNT_POLL_SECONDS": "0.1",
        } | settings
        sent = self.run("submit", str(self.photos), "--out", str(self.out))
        assert sent.returncode == 0, sent.stderr
        self.job = sent.stdout.strip()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return headcount(*arguments, **self.settings)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(*arguments, **self.settings)

    def state(self) -> str:
        return str(json.loads(self.run("status", self.job, "--json").stdout)["state"])

    def done(self) -> list[Path]:
        folder = self.archive / JobKeys(self.job).done_folder
        return sorted(folder.glob("embed-*.json"))

    def attempts(self) -> int:
        return len(list((self.archive / JobKeys(self.job).root).glob("attempts/embed-*/*.json")))

    def one_outcome_each(self) -> None:
        rows = table(self.out, "photos")
        assert Counter(r["photo"] for r in rows) == Counter(p.name for p in self.photos.iterdir())
        assert sum(summary(self.out)["outcomes"].values()) == len(rows) == PHOTOS
        faces = [(r["photo"], r["face_id"]) for r in table(self.out, "faces")]
        assert len(faces) == len(set(faces)) >= PHOTOS


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_a_job_stands_still_within_seconds_and_resuming_embeds_only_the_rest(
    samples: Path, tmp_path: Path, broker_url: str, how: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    with fake_worker(broker_url, tmp_path / "worker.log"):
        supervisor = cluster.start("supervise", "--once")
        until(lambda: len(cluster.done()) >= 2)
        said = cluster.run(how, cluster.job)
        assert said.returncode == 0, said.stderr
        _, errors = supervisor.communicate(timeout=10)
        assert supervisor.returncode == 0, errors
        assert f"headcount resume {cluster.job}" in errors
        until(lambda: len(cluster.done()) == cluster.attempts(), 10)  # nothing is half done
        kept = {path: path.read_bytes() for path in cluster.done()}
        assert 2 <= len(kept) < PHOTOS / 10
        assert cluster.state() == {"pause": "paused", "cancel": "cancelled"}[how]
        assert cluster.run("supervise", "--once").returncode == 0  # a later one heeds it, too
        assert len(cluster.done()) == len(kept)

        resumed = cluster.run("resume", cluster.job)
        assert resumed.returncode == 0, resumed.stderr
    assert {path: path.read_bytes() for path in kept} == kept
    assert cluster.attempts() == PHOTOS / 10
    assert cluster.state() == "done"
    cluster.one_outcome_each()
    assert cluster.run(how, cluster.job).returncode == 1  # it has ended


def test_a_worker_told_to_stop_hands_its_shard_back_and_another_takes_it_at_once(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url, HEADCOUNT_LOST_SECONDS="300")
    supervisor = cluster.start("supervise", "--once")
    with fake_worker(broker_url, tmp_path / "a.log", HEADCOUNT_DRAIN_SECONDS="0") as first:
        until(lambda: len(cluster.done()) >= 1 and cluster.attempts() > len(cluster.done()))
        first.send_signal(signal.SIGTERM)
        first.wait(30)
        assert first.returncode == 0
    with fake_worker(broker_url, tmp_path / "b.log"):
        _, errors = supervisor.communicate(timeout=100)
    assert supervisor.returncode == 0, errors
    assert "handed back" in (tmp_path / "a.log").read_text()
    assert cluster.attempts() == PHOTOS / 10  # what was handed back is no attempt
    cluster.one_outcome_each()
