"""`headcount rematch` as a command beside a whole run over the same archive with nothing new.

    python -m benchmarks.scale.rematch 100000 [--rounds 3] [--cores 2] [--stages] [--width 512]

The archive is that of benchmarks/scale/reduce.py: so many faces, three to a photo, 1,000 people of
one reference each. Its photos are files of one byte, so that a run lists and compares them as it
would any others, and has no picture to draw. A first run makes the results that both compare
themselves with. Then both are run in turns, each as a user starts it, with its broker and its
worker. Told are the medians of the seconds and of the processor seconds of all processes together,
and, with --stages, the seconds of each step of the reduce stage.

With --width the embeddings have so many values, and are those of a made-up pack. Nobody can run
such a pack: only the rematch is measured, which opens none.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.neighbours import WIDTH, people
from benchmarks.scale.reduce import BLOCK, OF_PHOTO, PEOPLE, faces, key, references, unit_of
from benchmarks.speed.report import processor
from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.reading import READING
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import DoneMarker
from headcount.contract.vocabulary import Outcome, Photo
from headcount.settings import Settings
from headcount.storage import ObjectInfo, open_store
from orchestrator.jobs.submit import make_spec
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables
from workers.stages.prepare import prepare_job
from workers.tables.pack_tables import PackTables
from workers.tables.rows import photo_rows

MADE = "0-made"
"""The job that the tables come with."""


def make_archive(folder: Path, count: int, width: int | None = None) -> None:
    """Photos of one byte, and an archive with the tables that so many faces in them make.

    With ``width`` it has results, too: of a job under a made-up pack that found nobody.
    """
    for place in ("photos", "archive"):
        (folder / place).mkdir()
    unit = unit_of(folder, MADE)
    spec = make_spec(
        photos=str(folder / "photos"),
        people=None,
        archive=str(folder / "archive"),
        out=str(folder / "out"),
        settings=Settings(),
    ).model_copy(update={"job_id": MADE})
    unit.store.put(JobKeys(MADE).spec, spec.to_bytes())
    make_photos(folder / "photos", -(-count // OF_PHOTO))
    prepared = prepare_job(unit)
    tables = job_tables(unit) if width is None else made_up_pack(unit, prepared, width)
    rows, whose = people(count, width or WIDTH)
    for start in range(0, count, BLOCK):
        numbers = np.arange(start, min(start + BLOCK, count))
        tables.faces.append(faces(spec, numbers, rows[numbers]))
    found = [as_photo(info) for info in open_store(str(folder / "photos")).list()]
    profiles = ["balanced"] * len(found)
    tables.photos.append(photo_rows(found, collection_id(spec.photos or ""), spec, profiles))
    _, enrolled = np.unique(whose, return_index=True)
    tables.gallery.append(references(rows[enrolled[:PEOPLE]]))
    if width is None:
        for info in list(unit.store.list(JobKeys(MADE).root)):
            unit.store.delete(info.key)  # it was no job of a user's


def made_up_pack(unit: Unit, prepared: DoneMarker, width: int) -> PackTables:
    """The tables of a pack of this width, as the archive's own, and the assignments of its job."""
    assert prepared.pack is not None
    record = prepared.pack.model_copy(update={"pack_id": "made-up", "dimensions": width})
    keys = PackKeys(record.pack_id)
    choice = ModelChoice(name=record.name, pack_id=record.pack_id)
    unit.store.put(ARCHIVE, ArchiveRecord(created=now(), model=choice).to_bytes())
    unit.store.put(keys.record, record.to_bytes())
    tables = job_tables(unit).of_pack(keys)
    tables.create(width)
    key = keys.assignments(tables.collection, MADE)
    history.write_table(unit.store, key, history.ASSIGNMENTS.empty_table())
    return tables


def make_photos(folder: Path, count: int) -> None:
    """Files of one byte, one in a hundred of them beside a PNG that could not be read."""
    for number in range(count):
        path = folder / key(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        if number % 100 == 0:
            Path(f"{path}.png").write_bytes(b"x")


def as_photo(info: ObjectInfo) -> Photo:
    of_object = (info.key, info.etag, info.size)
    if info.key.endswith(".png"):
        return Photo(*of_object, Outcome.UNREADABLE, "truncated file", reading=READING)
    found = (Outcome.FACES, None, 4000, 3000, 1, OF_PHOTO)
    return Photo(*of_object, *found, reading=READING)


def timed(*arguments: str) -> tuple[float, float]:
    """Seconds, and processor seconds of all its processes, of a command of headcount's."""
    before, began = spent(), time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli import main; main()", *arguments],
        check=False,  # 3: done, with photos that could not be processed
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - began, spent() - before


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def last_summary(archive: Path) -> dict[str, Any]:
    """The summary of the latest job, wherever it wrote it."""
    job = max((archive / "jobs").iterdir(), key=lambda path: path.name)
    out = json.loads((job / "finished.json").read_text())["out"]
    found: dict[str, Any] = json.loads(open_store(out).get("summary.json").data)
    return found


def measure(folder: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run both in turns; the seconds of each round, and of its steps."""
    archive, out = folder / "archive", ("--out", str(folder / "out"))
    run = ("run", str(folder / "photos"), "--archive", str(archive), *out, "--annotate", "0")
    commands = {"run": run, "rematch": ("rematch", "--archive", str(archive))}
    if (archive / "packs/made-up").exists():
        del commands["run"]
    timed(*next(iter(commands.values())))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            seconds, used = timed(*arguments)
            steps = last_summary(archive)["seconds"]["reduce"]
            found[name].append({"seconds": seconds, "processor": used, "steps": steps})
    return found


def say(count: int, found: dict[str, list[dict[str, Any]]], *, stages: bool) -> None:
    print(f"{count:,} faces, {processor()}:")
    for name, rounds in found.items():
        seconds, used = (
            statistics.median(row[what] for row in rounds) for what in ("seconds", "processor")
        )
        print(f"  {name:8} {seconds:6.1f} s  {used:6.1f} processor seconds", flush=True)
        for step in rounds[0]["steps"] if stages else ():
            print(f"    {step:9} {statistics.median(row['steps'][step] for row in rounds):6.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--width", type=int)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    for count in options.counts:
        with tempfile.TemporaryDirectory() as name:
            make_archive(Path(name), count, options.width)
            say(count, measure(Path(name), options.rounds), stages=options.stages)


if __name__ == "__main__":
    main()
