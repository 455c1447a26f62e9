"""Runs the main job on many copies of photos and says the peak memory of each process.

    python -m benchmarks.memory.worker PHOTOS [--photos 10000] [--workers 1]

PHOTOS is a folder; its photos are copied (hard links) until there are so many.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from headcount.collections.suffixes import is_photo


def copies(source: Path, folder: Path, number: int) -> None:
    """``number`` links to the photos of ``source``, in folders of a thousand."""
    originals = sorted(p for p in source.rglob("*") if p.is_file() and is_photo(p.name))
    for n in range(number):
        original = originals[n % len(originals)]
        target = folder / f"{n // 1000:04d}" / f"{n:08d}{original.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(original, target) if _same_disk(original, folder) else target.write_bytes(
            original.read_bytes()
        )


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev and os.access(one.parent, os.W_OK)


def role(process: psutil.Process) -> str:
    """What a process of the run is for."""
    line = " ".join(process.cmdline())
    for sign, name in [
        ("orchestrator.local.broker_host", "broker host"),
        ("valkey", "Valkey"),
        ("-m workers", "worker"),
    ]:
        if sign in line:
            return name
    return "orchestrator"


def watch(process: subprocess.Popen[bytes]) -> dict[str, list[int]]:
    """Resident bytes of each kind of process, every half second until the end."""
    course: dict[str, list[int]] = {}
    while process.poll() is None:
        family = [psutil.Process(process.pid)]
        try:
            family += family[0].children(recursive=True)
            for one in family:
                name, size = role(one), one.memory_info().rss
                course.setdefault(name, []).append(size)
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.5)
    return course


def say(course: dict[str, list[int]]) -> None:
    """Print what each kind of process held at some points of the run, and at most."""
    for name, sizes in sorted(course.items(), key=lambda item: -max(item[1])):
        held = [sizes[len(sizes) * part // 8] >> 20 for part in (1, 2, 4, 6, 7)]
        points = ", ".join(f"{size:,}" for size in held)
        print(f"{name}: {points} MiB after 1/8, 1/4, 1/2, 3/4 and 7/8; peak {max(sizes) >> 20:,}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies(arguments.source, folder / "photos", arguments.photos)
        began = time.monotonic()
        command = "from orchestrator.cli import main; main()"
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                command,
                "run",
                str(folder / "photos"),
                "--out",
                str(folder / "out"),
                "--workers",
                str(arguments.workers),
            ]
        )
        course = watch(process)
        seconds = time.monotonic() - began
    print(f"{arguments.photos:,} photos in {seconds:.0f} s, exit code {process.returncode}")
    say(course)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
