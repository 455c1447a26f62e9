"""How throughput grows with workers, what orchestration takes of their time, what the broker holds.

    python -m benchmarks.scale.workers scale --workers 1 2 4 8 16 32 64
    python -m benchmarks.scale.workers broker --shards 200 1000 --window 16 128

Real jobs: submitted, planned, supervised, committed and reduced, through a real Valkey and real
worker processes with their Celery. Only the engine is made up: it sleeps for a known time per
photo and finds nothing, so that any number of workers fits on one machine and scheduling is what
is measured. The processes are forked from one that has imported everything.

A shard of a real cluster takes one to three minutes; here it takes ``--seconds``. What a worker
does between two shards costs the same for a short one, so its share is that much larger here.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import redis

from headcount.broker.client import Broker
from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import read_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import AttemptRecord, DoneMarker, ProgressRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.local.servers import embedded_broker

PHOTOS = 8
"""Photos of one shard."""
PACK = PackRecord(
    name="asleep",
    pack_id="0" * 16,
    digest="0" * 64,
    detector="none",
    detector_sha256="0" * 64,
    recogniser="none",
    recogniser_sha256="0" * 64,
    dimensions=128,
    licence="none",
    threshold=0.5,
    margin=0.0,
    cluster_threshold=0.5,
)


def work(broker_url: str, seconds: float) -> None:
    """Be a worker whose engine takes ``seconds`` for the photos of one shard."""
    import numpy as np

    from workers.__main__ import main as serve
    from workers.faces.analysis import Analysis
    from workers.models.base import ModelPack
    from workers.runtime import unit as context
    from workers.stages import embed

    nothing = Analysis(
        width=1,
        height=1,
        orientation=1,
        boxes=np.zeros((0, 4), np.float32),
        landmarks=np.zeros((0, 5, 2), np.float32),
        scores=np.zeros(0, np.float32),
        passes=(),
        qualities=np.zeros(0, np.float32),
        usable=np.zeros(0, np.bool_),
        embeddings=np.zeros((0, PACK.dimensions), np.float32),
        seconds={"detect": seconds / PHOTOS},
    )

    def analyse(*_: Any, **__: Any) -> Analysis:
        time.sleep(seconds / PHOTOS)
        return nothing

    embed.analyse = analyse
    context.open_pack = lambda *_: ModelPack(PACK, None, None)  # type: ignore[arg-type]
    os.environ |= {
        "HEADCOUNT_BROKER_URL": broker_url,
        "HEADCOUNT_THREADS": "1",
        "HEADCOUNT_FETCHERS": "2",
        "HEADCOUNT_LOG_LEVEL": "WARNING",
    }
    sys.argv = ["workers"]
    serve()


@contextmanager
def crew(count: int, broker_url: str, seconds: float) -> Iterator[list[psutil.Process]]:
    """So many workers, all of which have shown themselves."""
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["workers.app", "workers.__main__", "celery.worker"])
    started = [forked.Process(target=work, args=(broker_url, seconds)) for _ in range(count)]
    try:
        for process in started:
            process.start()
        while Broker(broker_url).worker_count() < count:
            time.sleep(0.2)
        yield [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            process.kill()
            process.join()


class Stages:
    """Notes when each stage began, and for how long each lasted."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._began = "", time.monotonic()

    def stage(self, name: str) -> None:
        moment = time.monotonic()
        self.seconds[self._name] = moment - self._began
        self._name, self._began = name, moment

    def progress(self, snapshot: ProgressRecord) -> None:
        """Nobody looks."""

    def warn(self, text: str) -> None:
        print(f"    {text}", file=sys.stderr)


@dataclass(frozen=True)
class Job:
    """What a job took: its embed stage, its workers' time between two shards, CPU time."""

    shards: int
    seconds: float
    between: float
    """Of the workers' time from the start of their first shard to the end of their last one."""
    supervisor_cpu: float
    workers_cpu: float


def cpu(processes: list[psutil.Process]) -> float:
    """Seconds of CPU that these have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def run(
    folder: Path,
    shards: int,
    broker_url: str,
    window: int,
    workers: list[psutil.Process],
) -> Job:
    """One job of so many shards, from its submission to its results."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for number in range(shards * PHOTOS):
        (photos / f"{number:07}.jpg").write_bytes(b"photo %d" % number)
    settings = Settings(shard_photos=PHOTOS, window=window, poll_seconds=0.2)
    spec = make_spec(
        photos=str(photos),
        people=None,
        archive=str(folder / "archive"),
        out=str(folder / "out"),
        settings=settings,
        annotate=0,
    )
    store, stages, s3 = submit(spec, S3Settings()), Stages(), S3Settings()
    before, own = cpu(workers), cpu([psutil.Process()])
    Supervisor(
        store,
        spec.job_id,
        broker=Broker(broker_url),
        settings=settings,
        s3=s3,
        reporter=stages,
    ).run()
    keys = JobKeys(spec.job_id)
    names = [shard_name(number) for number in range(shards)]
    attempts = [read_record(store, keys.attempt(name, 1), AttemptRecord) for name in names]
    markers = [read_record(store, keys.done(name), DoneMarker) for name in names]
    return Job(
        shards=shards,
        seconds=stages.seconds["embed"],
        between=between_shards(attempts, markers),
        supervisor_cpu=cpu([psutil.Process()]) - own,
        workers_cpu=cpu(workers) - before,
    )


def between_shards(attempts: list[AttemptRecord], markers: list[DoneMarker]) -> float:
    """The share of the workers' time that went by between two shards."""
    begins: defaultdict[str, list[float]] = defaultdict(list)
    ends: defaultdict[str, list[float]] = defaultdict(list)
    for attempt, marker in zip(attempts, markers, strict=True):
        begins[marker.worker].append(attempt.started.timestamp())
        ends[marker.worker].append(attempt.started.timestamp() + marker.seconds)
    whole = sum(max(ends[worker]) - min(begins[worker]) for worker in ends)
    return 1 - sum(marker.seconds for marker in markers) / whole


def scale(counts: list[int], seconds: float, each: int) -> None:
    """Jobs of ``each`` shards per worker, with more and more workers."""
    print(
        f"{os.cpu_count()} cores; a shard of {PHOTOS} photos is {seconds:g} s of a sleeping "
        f"engine; {each} shards for each worker\n"
        "workers  shards/s  of linear  of the engine's best  between shards  "
        "CPU s per shard: worker, supervisor"
    )
    alone = 0.0
    for count in counts:
        with (
            tempfile.TemporaryDirectory() as folder,
            embedded_broker() as url,
            crew(count, url, seconds) as workers,
        ):
            job = run(Path(folder), each * count, url, 2 * count, workers)
        rate = job.shards / job.seconds
        alone = alone or rate / count
        print(
            f"{count:7}  {rate:8.3f}  {rate / (alone * count):9.1%}  "
            f"{rate * seconds / count:20.1%}  {job.between:14.2%}  "
            f"{job.workers_cpu / job.shards:23.3f}, {job.supervisor_cpu / job.shards:.3f}",
            flush=True,
        )


@contextmanager
def watched(broker_url: str) -> Iterator[dict[str, int]]:
    """The most bytes that Valkey holds in the block, in all and as data, by looking all the time.

    The rest is mostly the buffers of its connections.
    """
    client = redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://"))
    most, stop = {"used_memory": 0, "used_memory_dataset": 0}, threading.Event()

    def look() -> None:
        while not stop.wait(0.02):
            with suppress(redis.RedisError):
                told = client.info("memory")
                most.update({name: max(most[name], int(told[name])) for name in most})

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()


def broker(sizes: list[int], windows: list[int], count: int) -> None:
    """Jobs of several sizes, with several windows; what the broker held at most of each."""
    print("window  shards  Valkey's used_memory at most, KiB  of it data, KiB")
    for window in windows:
        for shards in sizes:
            with (
                tempfile.TemporaryDirectory() as folder,
                embedded_broker() as url,
                crew(count, url, 0.0) as workers,
                watched(url) as most,
            ):
                run(Path(folder), shards, url, window, workers)
                held = [number / 1024 for number in most.values()]
                print(f"{window:6}  {shards:6}  {held[0]:33.0f}  {held[1]:15.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    scaling = commands.add_parser("scale")
    scaling.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    scaling.add_argument("--seconds", type=float, default=5.0)
    scaling.add_argument("--each", type=int, default=5)
    holding = commands.add_parser("broker")
    holding.add_argument("--shards", type=int, nargs="+", default=[200, 1000])
    holding.add_argument("--window", type=int, nargs="+", default=[16, 128])
    holding.add_argument("--workers", type=int, default=4)
    arguments = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore"  # of every fork: that it runs as root, or was forked
    if arguments.command == "scale":
        scale(arguments.workers, arguments.seconds, arguments.each)
    else:
        broker(arguments.shards, arguments.window, arguments.workers)


if __name__ == "__main__":
    main()
