"""Measures what S3 and Celery cost: the main job beside the same work in one process.

    python -m benchmarks.speed.pipeline PHOTOS [--photos 200] [--rounds 2] [--profile balanced]

So many photos of 1 MP, made of those of the folder PHOTOS, lie on a SeaweedFS server of its own on
this machine, as does the archive; `headcount run` embeds them with the embedded pack. Photos per
second are those of the embed stage, from its shards' records: from the end of a worker's first
shard, in which it opens its models, to the end of its last one, the pauses between shards counted.
Beside it, by turns, the same photos from disk in one process. The S3 server and the broker take
their time from the same cores. Ratios are medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.harness import chosen_evenly, enlarged, headcount, heading, opened, row
from headcount.contract.stored.jobs import AttemptRecord, DoneMarker
from headcount.settings import ProfileName, Settings
from headcount.storage import open_store
from tests.servers import S3Server, weed_server
from workers.models.packs.files import EMBEDDED

BUCKET = "speed"
SHARD_PHOTOS = 10
WAYS = {
    "S3 and Celery, 1 worker of {threads} threads": (1, 0),
    "S3 and Celery, 1 worker of 1 thread": (1, 1),
    "S3 and Celery, 2 workers of 1 thread": (2, 1),
}
"""Worker processes and threads of each; 0 for as many as there are cores."""


def in_process(photos: Sequence[Path], profile: ProfileName, threads: int) -> float:
    """Photos per second of the analysis alone, from disk."""
    run = headcount(opened(EMBEDDED, Settings()), profile, threads)
    run(photos[:SHARD_PHOTOS])
    began = time.perf_counter()
    run(photos[SHARD_PHOTOS:])
    return (len(photos) - SHARD_PHOTOS) / (time.perf_counter() - began)


def through_s3(
    server: S3Server, name: str, profile: ProfileName, workers: int, threads: int
) -> float:
    """Photos per second of the embed stage of a new job, whose archive is called ``name``."""
    archive = f"s3://{BUCKET}/{name}/"
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(
            [
                *(sys.executable, "-c", "from orchestrator.cli import main; main()", "run"),
                *(f"s3://{BUCKET}/photos/", "--archive", archive, "--out", out),
                *("--profile", profile, "--annotate", "0"),
                *("--workers", str(workers), "--threads", str(threads)),
            ],
            env={**os.environ, **server.env(), "HEADCOUNT_SHARD_PHOTOS": str(SHARD_PHOTOS)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return embed_rate(archive, server)


def embed_rate(archive: str, server: S3Server) -> float:
    """Photos per second of all workers, each from the end of its first shard on."""
    store = open_store(archive, server.settings())
    done = {info.key for info in store.list("jobs/") if "/done/" in info.key}
    shards: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for info in store.list("jobs/"):
        if "/attempts/" not in info.key:
            continue
        attempt = AttemptRecord.from_bytes(store.get(info.key).data)
        marker_key = f"{info.key.split('/attempts/')[0]}/done/{attempt.unit}.json"
        if marker_key in done and attempt.unit.startswith("embed-"):
            marker = DoneMarker.from_bytes(store.get(marker_key).data)
            if marker.photos:
                end = attempt.started + timedelta(seconds=marker.seconds)
                shards[marker.worker].append((end, marker.photos))
    return sum(_rate(sorted(ended)) for ended in shards.values())


def _rate(ended: Sequence[tuple[datetime, int]]) -> float:
    seconds = (ended[-1][0] - ended[0][0]).total_seconds()
    return sum(photos for _, photos in ended[1:]) / seconds if seconds else 0.0


def table(folder: Path, number: int, profile: ProfileName = "balanced", rounds: int = 2) -> str:
    """The figures as a table, each beside the work in one process with as many threads."""
    cores = Settings().threads
    rates: defaultdict[str, list[float]] = defaultdict(list)
    first = f"in one process, {cores} threads"
    with tempfile.TemporaryDirectory() as scratch, weed_server(Path(scratch) / "s3") as server:
        server.make_bucket(BUCKET)
        store = open_store(f"s3://{BUCKET}/photos/", server.settings())
        photos, chosen = [], chosen_evenly(folder, number)
        random.Random(0).shuffle(chosen)  # noqa: S311 - so that every shard is alike
        for n, photo in enumerate(chosen):
            place = Path(scratch) / f"{n}"
            place.mkdir()
            photos.append(enlarged(photo, 1, place))
            store.put(f"{n:06d}.jpg", photos[-1].read_bytes())
        for turn in range(rounds):
            rates[first].append(in_process(photos, profile, cores))
            for name, (workers, threads) in WAYS.items():
                archive = f"archive-{turn}-{workers}-{threads}"
                rate = through_s3(server, archive, profile, workers, threads or cores)
                rates[name.format(threads=cores)].append(rate)
    lines = heading(f"{len(photos)} photos of 1 MP, {profile}", "photos/s", f"times {first}")
    for name, own in rates.items():
        ratio = statistics.median(a / b for a, b in zip(own, rates[first], strict=True))
        lines.append(row([name, f"{statistics.median(own):.2f}", f"{ratio:.2f}"]))
    alone, two = (rates[name] for name in list(rates)[-2:])
    gain = statistics.median(b / a for a, b in zip(alone, two, strict=True))
    return "\n".join([*lines, "", f"2 workers of 1 thread beside 1 of 1 thread: {gain:.2f} times"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--profile", default="balanced")
    asked = parser.parse_args()
    print(table(asked.folder, asked.photos, asked.profile, asked.rounds))


if __name__ == "__main__":
    main()
