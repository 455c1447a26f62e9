"""A worker with a wrong key beside a good one, and jobs whose workers are killed at random.

    python -m benchmarks.scale.unfit key --shards 60 --seconds 1
    python -m benchmarks.scale.unfit kills --jobs 10

Real processes: Valkey, workers, a supervisor; ``key`` has its archive on a SeaweedFS. The engine
sleeps for a known time per photo and finds in each what is in the first (tests/integration).
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from headcount.broker.client import Broker
from headcount.settings import Settings
from orchestrator.local.samples import fetch_samples
from orchestrator.local.servers import embedded_broker
from tests.clusters import PHOTOS, Cluster, fake_worker
from tests.servers import weed_server

MOST_KILLS = 4
"""Kills of one job: a photo at which workers die again and again is set apart, rightly."""
MOST_SECONDS = 2.0
"""From the beginning of an attempt at a unit to a kill, at most."""


def until_shown(url: str, count: int) -> None:
    """Wait until so many workers show themselves."""
    while len(Broker(url).workers()) < count:
        time.sleep(0.1)


def named_after(cluster: Cluster, log: Path) -> float:
    """Seconds from a worker's first refusal until `headcount status` names it and its cause."""
    while " refused: " not in log.read_text():
        time.sleep(0.02)
    began = time.monotonic()
    while True:
        told = json.loads(cluster.run("status", cluster.job, "--json").stdout)
        if told["progress"] and told["progress"]["refusals"]:
            return time.monotonic() - began
        time.sleep(0.2)


def with_keys(workers: list[str], shards: int, seconds: float, samples: Path) -> None:
    """One job of so many shards, a photo each, by workers whose keys are good or bad."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        here = Path(folder)
        s3, url = (
            stack.enter_context(weed_server(here / "s3")),
            stack.enter_context(embedded_broker()),
        )
        bad = s3.env() | {"AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
        for number, kind in enumerate(workers):
            keys = bad if kind == "bad" else s3.env()
            engine = {"FAKE_ENGINE_SECONDS": str(seconds)}
            log = here / f"{number}.log"
            stack.enter_context(fake_worker(url, log, **(keys | engine)))
        until_shown(url, len(workers))
        size = str(max(1, PHOTOS // shards))
        uri = f"s3://{s3.make_bucket()}/archive/"
        settings = {"HEADCOUNT_SHARD_PHOTOS": size, "HEADCOUNT_POLL_SECONDS": "0.5"}
        cluster = Cluster(samples, here, url, uri=uri, **(settings | s3.env()))
        began = time.monotonic()
        supervisor = cluster.start("supervise", "--once")
        bad_log = here / f"{workers.index('bad')}.log" if "bad" in workers else None
        named = f"{named_after(cluster, bad_log):.1f} s" if bad_log else "-"
        _, errors = supervisor.communicate()
        took = time.monotonic() - began
        logs = [(here / f"{number}.log").read_text() for number in range(len(workers))]
        print(
            f"{' + '.join(workers):12} {took:7.1f} s, exit code {supervisor.returncode}, "
            f"named after {named:6}, {sum(log.count(' refused: ') for log in logs)} refusals, "
            f"{errors.count('was lost with its worker')} lost, "
            f"{sum(log.count('will be tried again') for log in logs)} hiccups",
            flush=True,
        )


@dataclass
class Crew:
    """Workers that are killed at random, and replaced."""

    url: str
    folder: Path
    size: int
    kills: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def fill(self, stack: ExitStack) -> None:
        """Start workers until there are as many as there should be."""
        self.running = [worker for worker in self.running if worker.poll() is None]
        while len(self.running) < self.size:
            log = self.folder / "workers.log"
            self.running.append(stack.enter_context(fake_worker(self.url, log)))

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of them, as kill -9 does."""
        victim = chance.choice(self.running)
        victim.kill()
        victim.wait()
        self.kills += 1


@contextmanager
def undisturbed(samples: Path) -> Iterator[Path]:
    """The results of a job that nothing disturbs."""
    with tempfile.TemporaryDirectory() as folder, embedded_broker() as url:
        cluster = Cluster(samples, Path(folder), url)
        with fake_worker(url, Path(folder) / "worker.log", FAKE_ENGINE_SECONDS="0"):
            ended = cluster.run("supervise", "--once")
        assert ended.returncode == 0, ended.stderr
        yield cluster.out


def killed(samples: Path, calm: Path, seed: int) -> None:
    """One job whose workers are killed at random; its results are to be those of ``calm``."""
    chance = random.Random(seed)  # noqa: S311 - to be the same again
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_broker() as url,
        ExitStack() as stack,
    ):
        here = Path(folder)
        crew = Crew(url, here, 2)
        crew.fill(stack)
        cluster = Cluster(
            samples, here, url, HEADCOUNT_LOST_SECONDS="3", HEADCOUNT_MAX_ATTEMPTS="30"
        )
        began = time.monotonic()
        supervisor = cluster.start("supervise", "--once")
        seen = 0
        while supervisor.poll() is None:
            begun = len(list(cluster.archive.glob("jobs/*/attempts/*/*.json")))
            if begun > seen and crew.kills < MOST_KILLS:
                time.sleep(chance.uniform(0, MOST_SECONDS))
                seen = begun
                crew.kill_one(chance)
                crew.fill(stack)
            time.sleep(0.1)
        _, errors = supervisor.communicate()
        assert supervisor.returncode == 0, errors
        cluster.same_results(calm)
        states = Broker(url).queue_states().values()
        print(
            f"seed {seed}: {crew.kills} kills, {time.monotonic() - began:.0f} s, results equal; "
            f"{sum(state.delivered for state in states)} messages never acknowledged, "
            f"{sum(state.in_hand for state in states)} in hand",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key")
    key.add_argument("--shards", type=int, default=60)
    key.add_argument("--seconds", type=float, default=1.0)
    kills = commands.add_parser("kills")
    kills.add_argument("--jobs", type=int, default=10)
    kills.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cache = Settings().cache_dir
    cache.mkdir(parents=True, exist_ok=True)
    samples = fetch_samples(cache)
    if arguments.command == "key":
        for workers in (["good"], ["bad", "good"], ["bad"]):
            with_keys(workers, arguments.shards, arguments.seconds, samples)
        return
    with undisturbed(samples) as calm:
        for number in range(arguments.jobs):
            killed(samples, calm, arguments.seed + number)


if __name__ == "__main__":
    sys.exit(main())
