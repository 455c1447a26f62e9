"""Measures what a first look costs: `run --first N` beside a run over those N photos alone.

    python -m benchmarks.speed.first_look PHOTOS [--photos 2000] [--first 100] [--rounds 3]

Both are whole runs of `headcount run` with the embedded pack, each into an archive of its own, from
the start of the process to its end: broker, worker, models, tables, report. By turns; medians of
the rounds. The time of listing all photos is told apart and taken off.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import chosen_evenly, heading, row
from headcount.collections import open_collection
from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import FirstLookRecord
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store


def timed_run(photos: Path, out: Path, *more: str) -> float:
    """Seconds of a run."""
    program = (sys.executable, "-c", "from orchestrator.cli import main; main()")
    began = time.perf_counter()
    subprocess.run(
        [*program, "run", str(photos), "--out", str(out), *more],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def listing_seconds(photos: Path, store: Store) -> float:
    """Seconds of one listing of a folder."""
    began = time.perf_counter()
    for _ in open_collection(canonical_uri(str(photos)), S3Settings(), indexes=store).list():
        pass
    return time.perf_counter() - began


def drawn(out: Path) -> tuple[str, ...]:
    """The photos of the first look whose results lie in ``out``."""
    store = open_store(canonical_uri(str(out / "archive")))
    [job] = store.folders("jobs/")
    return read_record(store, JobKeys(job).first_look, FirstLookRecord).photos


def one_round(photos: Path, first: int, scratch: Path) -> tuple[float, float, float, float]:
    """Seconds of a first look and of its photos alone, and of the listing of each."""
    look, alone, few = scratch / "look", scratch / "alone", scratch / "few"
    of_look = timed_run(photos, look, "--first", str(first))
    for key in drawn(look):
        (few / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / key, few / key)
    of_alone = timed_run(few, alone)
    store = open_store(canonical_uri(str(alone / "archive")))
    return of_look, of_alone, listing_seconds(photos, store), listing_seconds(few, store)


def table(folder: Path, photos: int, first: int, rounds: int) -> str:
    """The seconds of both as a table, and the ratio without the listing."""
    with tempfile.TemporaryDirectory() as name:
        scratch, measured = Path(name), []
        for number, photo in enumerate(chosen_evenly(folder, photos)):
            place = scratch / "photos" / f"{number:05d}.jpg"
            place.parent.mkdir(exist_ok=True)
            shutil.copy(photo, place)
        for turn in range(rounds + 1):
            (scratch / str(turn)).mkdir()
            measured.append(one_round(scratch / "photos", first, scratch / str(turn)))
    look, alone, listing, short = (
        [values[n] for values in measured[1:]] for n in range(4)
    )  # the first round fills the caches
    ratio = statistics.median(
        (one - far) / (other - near)
        for one, other, far, near in zip(look, alone, listing, short, strict=True)
    )
    lines = heading("run", "seconds", "of which listing, s")
    whole = f"`--first {first}` of {photos:,} photos"
    for words, seconds, listed in (
        (whole, look, listing),
        (f"those {first} alone", alone, short),
    ):
        cells = (f"{statistics.median(seconds):.1f}", f"{statistics.median(listed):.3f}")
        lines.append(row([words, *cells]))
    return "\n".join([*lines, "", f"without the listing: {ratio:.2f} times"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(table(asked.folder, asked.photos, asked.first, asked.rounds))


if __name__ == "__main__":
    main()
