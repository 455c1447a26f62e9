"""The reduce stage on made-up faces: seconds and peak memory of each step, by number of faces.

    python -m benchmarks.scale.reduce 30000 300000 [--keep FOLDER] [--made-up-clusters]
        [--tasks 100000]

Each number is an archive of so many faces, three to a photo, one photo in a hundred unreadable.
Embeddings are those of benchmarks/scale/neighbours.py; 1,000 of the people are enrolled, by one
reference each. Two jobs are reduced, each by a process of its own: the first, and one more on the
same faces, which compares itself with the first. Peaks are those of each step (Linux counts them),
and beside them is the growth in bytes per face from the number before. `cluster()` is the
clustering itself, `order` what comes before it, `cluster` what comes after it; its seconds are of
all three. With --made-up-clusters nothing is clustered: the rest of the stage alone is measured,
with clusters of the same sizes at random. FOLDER keeps what the jobs wrote.

With --tasks a third job is reduced, shared out in tasks of so many faces (HEADCOUNT_REDUCE_FACES),
each task in a process of its own, one after the other: the seconds of all tasks of a kind, those of
the longest, and the largest peak.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.scale.neighbours import people
from headcount.collections.photos import collection_id
from headcount.contract.layout import PREPARE, JobKeys, join_name, match_name
from headcount.contract.reading import READING
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import JobSpec, SplitRecord
from headcount.contract.vocabulary import Outcome, Photo, person_id
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.tables.schemas import faces_schema, gallery_schema
from orchestrator.jobs.submit import make_spec
from workers.app import WORK
from workers.runtime.unit import Context, Unit
from workers.stages import assign
from workers.stages import reduce as stage
from workers.stages.job_tables import job_tables
from workers.stages.prepare import prepare_job
from workers.tables.rows import fixed_lists, photo_rows

PEOPLE, BLOCK, OF_PHOTO = 1_000, 60_000, 3
JOBS = ("1-first", "2-again")
SHARED = "3-shared"
Figures = dict[str, tuple[float, int]]
"""Seconds and peak bytes by step."""


def make_archive(folder: Path, count: int) -> None:
    """An archive with the tables that so many faces make, and the specs of two jobs."""
    archive = folder / "archive"
    for place in (archive, folder / "photos"):
        place.mkdir()
    for job_id in (*JOBS, SHARED):
        unit = unit_of(folder, job_id)
        spec = make_spec(
            photos=str(folder / "photos"),
            people=None,
            archive=str(archive),
            out=str(folder / job_id),
            settings=Settings(),
            annotate=0,
        ).model_copy(update={"job_id": job_id})
        unit.store.put(JobKeys(job_id).spec, spec.to_bytes())
        unit.store.put(unit.keys.done(PREPARE), prepare_job(unit).to_bytes())
    rows, whose = people(count)
    tables = job_tables(unit)
    shuffled = np.random.default_rng(2).permutation(range(0, count, BLOCK))
    for start in shuffled.tolist():
        numbers = np.arange(start, min(start + BLOCK, count))
        tables.faces.append(faces(unit.spec, numbers, rows[numbers]))
        tables.photos.append(photos(unit.spec, np.unique(numbers // OF_PHOTO)))
    _, enrolled = np.unique(whose, return_index=True)
    tables.gallery.append(references(rows[enrolled[:PEOPLE]]))


def unit_of(
    folder: Path, job_id: str, name: str = "reduce", settings: Settings | None = None
) -> Unit:
    """A unit of work of one of the jobs."""
    context = Context(settings or Settings(), S3Settings(), "benchmark")
    return Unit(context, open_store(str(folder / "archive")), job_id, name)


def key(photo: int) -> str:
    return f"2026/{photo // 1000:05}/IMG_{photo:08}.jpg"


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def faces(spec: JobSpec, numbers: NDArray[np.int64], embeddings: NDArray[np.float32]) -> pa.Table:
    random, count = np.random.default_rng(numbers[0]), len(numbers)
    columns = {
        "collection": [collection_id(spec.photos or "")] * count,
        "job_id": [spec.job_id] * count,
        "photo": [key(photo) for photo in (numbers // OF_PHOTO).tolist()],
        "face_id": [f"f{digest(number)[:23]}" for number in numbers.tolist()],
        **{name: random.uniform(20, 900, count).astype(np.float32) for name in "xywh"},
        "landmarks": fixed_lists(random.uniform(20, 900, (count, 10)).astype(np.float32)),
        "detection_score": random.uniform(0.6, 1, count).astype(np.float32),
        "quality": random.uniform(0, 1, count).astype(np.float32),
        "sharpness": random.uniform(0.1, 1, count).astype(np.float32),
        "pass": ["whole"] * count,
        "usable": random.uniform(0, 1, count) > 0.05,
        "descriptor": fixed_lists(embeddings.astype(np.float16)),
    }
    return table_of(columns, faces_schema(embeddings.shape[1]))


def photos(spec: JobSpec, numbers: NDArray[np.int64]) -> pa.Table:
    found = [
        Photo(key(n), digest(-n)[:32], 3_000_000, Outcome.FACES, None, 4000, 3000, 1, OF_PHOTO)
        for n in numbers.tolist()
    ]
    poor = [
        Photo(key(n) + ".png", digest(-n)[:32], 9_000, Outcome.UNREADABLE, "truncated file")
        for n in numbers[::100].tolist()
    ]
    every = found + poor
    return photo_rows(every, collection_id(spec.photos or ""), spec, ["balanced"] * len(every))


def references(embeddings: NDArray[np.float32]) -> pa.Table:
    count = len(embeddings)
    names = [f"Person {number:04}" for number in range(count)]
    columns = {
        "person_id": [person_id(name) for name in names],
        "person": names,
        "source": ["file:///people/"] * count,
        "photo": [f"{name}.jpg" for name in names],
        "etag": [digest(number)[:32] for number in range(count)],
        "content": [digest(number) for number in range(count)],
        **{name: np.full(count, 100, np.float32) for name in ("x", "y", "w", "h", "quality")},
        "descriptor": fixed_lists(embeddings),
        "reading": [READING] * count,
    }
    return table_of(columns, gallery_schema(embeddings.shape[1]))


def table_of(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    """The columns as a table; others of the schema are null."""
    count = len(columns["photo"])
    missing = {f.name: pa.nulls(count, f.type) for f in schema if f.name not in columns}
    return pa.table({**columns, **missing}, schema=schema)


class Meter:
    """Peak resident bytes since the last question."""

    STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def peak(self) -> int:
        line = next(row for row in self.STATUS.read_text().splitlines() if row.startswith("VmHWM"))
        self.CLEAR.write_text("5")  # the peak begins anew
        return int(line.split()[1]) << 10


def made_up(embeddings: NDArray[np.float32], *_: Any, **__: Any) -> NDArray[np.int32]:
    """Clusters at random, of the sizes that people have."""
    random, count = np.random.default_rng(3), len(embeddings)
    sizes = np.minimum(random.zipf(1.9, size=count), 500)
    return random.permutation(np.repeat(np.arange(count, dtype=np.int32), sizes)[:count])


def reduce(folder: Path, job_id: str, *, clustered: bool) -> None:
    """Reduce a job, in this process, and print seconds and peak bytes of each step."""
    unit, meter, peaks = unit_of(folder, job_id), Meter(), {}
    peaks["before"] = meter.peak()

    class Stopwatch(stage.Stopwatch):
        def lap(self, name: str) -> None:
            super().lap(name)
            peaks[name] = meter.peak()

    def cluster(*arguments: Any, **options: Any) -> Any:
        peaks["order"] = meter.peak()
        began = time.monotonic()
        labels = actual(*arguments, **options)
        inside["cluster()"] = time.monotonic() - began
        peaks["cluster()"] = meter.peak()
        return labels

    actual, inside = assign.cluster if clustered else made_up, {}
    assign.cluster, stage.Stopwatch = cluster, Stopwatch  # type: ignore[assignment, misc]
    seconds = stage.reduce_job(unit).stages | inside
    print(json.dumps({name: (seconds.get(name, 0.0), peak) for name, peak in peaks.items()}))


def task(folder: Path, name: str, faces: int) -> None:
    """Do one task of the shared job, in this process, and print seconds and peak bytes."""
    unit, meter = unit_of(folder, SHARED, name, Settings(reduce_faces=faces)), Meter()
    meter.peak()
    seconds = WORK[name.split("-", maxsplit=1)[0]](unit).seconds
    print(json.dumps((seconds, meter.peak())))


def tasks_of(unit: Unit, kind: str) -> list[str]:
    """The names of a kind of tasks, as the supervisor sends them."""
    if kind in ("split", "reduce"):
        return [kind]
    split = read_record(unit.store, unit.keys.split, SplitRecord)
    if kind == "match":
        return [match_name(part) for part in range(len(split.parts))]
    return [join_name(group) for group in range(len(split.groups))]


def say_shared(folder: Path, faces: int) -> None:
    """Reduce the shared job, task by task."""
    unit = unit_of(folder, SHARED)
    for kind in ("split", "match", "join", "reduce"):
        names = tasks_of(unit, kind)
        done = [json.loads(child("--task", str(folder), name, str(faces))) for name in names]
        seconds, peaks = [row[0] for row in done], [row[1] for row in done]
        print(
            f"  {kind:7} {len(names):3} tasks {sum(seconds):7.1f} s  longest {max(seconds):6.1f} s"
            f"  largest peak {max(peaks) >> 20:6,} MB",
            flush=True,
        )
    handed = sum(info.size for info in unit.store.list(unit.keys.handed_on))
    print(f"  handed on through the store: {handed >> 20:,} MB", flush=True)


def child(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.scale.reduce", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def measure(count: int, keep: Path | None, tasks: int | None, *options: str) -> dict[str, Figures]:
    """Both jobs of an archive of so many faces; the shared one is told of at once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child("--make", str(count), name)
        said = {job_id: json.loads(child("--reduce", name, job_id, *options)) for job_id in JOBS}
        if tasks is not None:
            print(f"{count:,} faces, shared out in tasks of {tasks:,}:")
            say_shared(folder, tasks)
        if keep is not None:
            for job_id in JOBS:
                shutil.copytree(folder / job_id, keep / f"{count}-{job_id}")
    return said


def say(count: int, job_id: str, now: Figures, before: tuple[int, Figures] | None) -> None:
    print(f"{count:,} faces, {job_id[2:]}:")
    for step, (seconds, peak) in now.items():
        line = f"  {step:9} {seconds:7.1f} s  peak {peak >> 20:6,} MB"
        if before:
            growth = (peak - before[1][step][1]) / (count - before[0])
            line += f"  {growth:7.0f} bytes per face more"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--made-up-clusters", action="store_true")
    parser.add_argument("--tasks", type=int, metavar="FACES")
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, metavar=("COUNT", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--reduce", nargs=2, metavar=("FOLDER", "JOB"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_archive(Path(options.make[1]), int(options.make[0]))
    if options.reduce:
        reduce(Path(options.reduce[0]), options.reduce[1], clustered=not options.made_up_clusters)
    if options.task:
        folder, name, faces = options.task
        task(Path(folder), name, int(faces))
    before, how = None, ("--made-up-clusters",) if options.made_up_clusters else ()
    for count in options.counts:
        said = measure(count, options.keep, options.tasks, *how)
        for job_id in JOBS:
            say(count, job_id, said[job_id], before and (before[0], before[1][job_id]))
        before = (count, said)


if __name__ == "__main__":
    main()
