"""Measures what a night costs beside the first run.

    python -m benchmarks.scale.nightly FOLDER [--photos 20000] [--new 0.01]

Photos of FOLDER are copied until there are so many, each with other bytes; the roll is taken, a
share of new ones is added, and the roll is taken again, by `headcount run` with one worker process.
Printed are both times, their ratio, and the part of the second that any run costs: that of a third
run, in which nothing is new; and the memory of the first run's processes over its course.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from benchmarks.memory.worker import say, watch

SUFFIXES = (".jpg", ".jpeg", ".png")


def copies(originals: list[Path], folder: Path, first: int, last: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, original in islice(enumerate(cycle(originals)), first, last):
        content = original.read_bytes() + f"copy {number}".encode()
        (folder / f"{number:07d}{original.suffix}").write_bytes(content)


def run(photos: Path, out: Path) -> tuple[float, dict[str, list[int]]]:
    """Seconds, and the resident bytes of each kind of process over their course."""
    began = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from orchestrator.cli import main; main()", "run"),
            *(str(photos), "--out", str(out), "--annotate", "0"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    course = watch(process)
    if process.returncode:
        sys.exit(f"the run ended with {process.returncode}")
    return time.monotonic() - began, course


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--new", type=float, default=0.01)
    arguments = parser.parse_args()
    originals = sorted(p for p in arguments.folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    new = max(1, int(arguments.photos * arguments.new))
    work = Path(tempfile.mkdtemp(prefix="headcount-nightly-"))
    try:
        photos, out = work / "photos", work / "out"
        copies(originals, photos, 0, arguments.photos)
        first, course = run(photos, out)
        say(course)
        copies(originals, photos, arguments.photos, arguments.photos + new)
        night, _ = run(photos, out)
        plans = sorted((out / "archive/jobs").glob("*/plan.json"))
        assert json.loads(plans[-1].read_text())["planned_photos"] == new
        idle, _ = run(photos, out)
        print(
            f"{arguments.photos:,} photos, {new:,} new: first run {first:.1f} s, night "
            f"{night:.1f} s: {night / first:.1%}; with nothing new {idle:.1f} s"
        )
        print(json.loads((out / "summary.json").read_text())["seconds"]["reduce"])
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
