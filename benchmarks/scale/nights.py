"""Measures what a hundred nights leave in an archive, with a retention and without.

    python -m benchmarks.scale.nights [--photos 2000] [--nights 100] [--new 0.01] [--keep 10]

A collection of made-up photos (a few words each: the faces in it) is taken in, then night after
night a share of new ones. Jobs are driven in this process, with made-up embeddings of 128 numbers;
everything else is what runs: planning, tables, assignments, results, the prune at a job's end.
Every fourth night brings nothing new. Printed are files and bytes of the archive after some nights;
then a rollback to the oldest job that is kept is made, a person is forgotten, and all files are
looked through for the forgotten faces.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq

from headcount.answers.kept import record_answer
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.archive.rollback import roll_back
from orchestrator.archive.verify import verify
from orchestrator.people.forget.run import forget
from orchestrator.people.latest_assignments import find_faces, marks, read_latest
from tests.at_once import AtOnce, begin, end

S3 = S3Settings()
PEOPLE = 150
SHOWN = (1, 5, 10, 20, 30, 40, 60, 80, 100)


def add_photos(folder: Path, first: int, last: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(first, last):
        words = " ".join(f"p{(number * 7 + n * 31) % PEOPLE}" for n in range(1 + number % 3))
        (folder / f"{number:06}.jpg").write_text(words)


def size_of(store: Store) -> tuple[int, int]:
    """Files and bytes."""
    infos = list(store.list())
    return len(infos), sum(info.size for info in infos)


def unpacked(store: Store, key: str) -> bytes:
    """The bytes of a file; of a Parquet table its rows, since their pages are packed."""
    data = store.get(key).data
    if not key.endswith(".parquet"):
        return data
    return json.dumps(pq.read_table(io.BytesIO(data), use_threads=False).to_pylist()).encode()


def night(photos: Path, archive: Path, number: int, keep: int | None) -> None:
    store = open_store(str(archive))
    spec = begin(photos, archive, f"{number:04}", out=store.uri + f"nights/home/d{number:04}/")
    end(spec, AtOnce(Settings(keep_jobs=keep)))


def nights(work: Path, arguments: argparse.Namespace, keep: int | None) -> None:
    photos, archive = work / "photos", work / "archive"
    store, new = open_store(str(archive)), max(1, int(arguments.photos * arguments.new))
    count, slowest = arguments.photos, 0.0
    add_photos(photos, 0, count)
    print(f"keep {keep}: {count:,} photos, {new:,} new in three of four nights")
    for number in range(1, arguments.nights + 1):
        if number % 4:
            add_photos(photos, count, count + new)
            count += new
        began = time.monotonic()
        night(photos, archive, number, keep)
        slowest = max(slowest, time.monotonic() - began) if number > 1 else 0.0
        if number in SHOWN or number == arguments.nights:
            files, size = size_of(store)
            print(f"| {number} | {files:,} | {size / 1e6:.1f} MB |", flush=True)
    print(f"slowest night {slowest:.1f} s")


def check(work: Path, arguments: argparse.Namespace) -> None:
    """Roll back to the oldest job that is kept, forget somebody, and look for the faces."""
    store, last = open_store(str(work / "archive")), arguments.nights
    found, findings = verify(store, S3)
    print(
        f"verify: {found.checked:,} files checked, {len(findings)} wrong, {found.unknown} unknown"
    )
    undone = roll_back(store, f"{last - arguments.keep + 1:04}", S3)
    night(work / "photos", work / "archive", last + 1, arguments.keep)
    print(f"rolled back over {len(undone)} jobs, and took the night in again")
    [latest] = read_latest(store)
    cluster = latest.assignments["cluster_id"][0].as_py()
    selected = find_faces(store, cluster)
    named = marks(store, selected, S3, best=5)
    record_answer(
        store,
        "name",
        named,
        person=(person_id("Ada"), "Ada"),
        cluster=cluster,
        job_id=latest.job_id,
    )
    receipt = forget(store, "Ada", S3)
    ids = [face.encode() for face in selected.face_ids]
    left = [info.key for info in store.list() if any(i in unpacked(store, info.key) for i in ids)]
    print(f"forgotten: {receipt.removed}; faces still named in {len(left)} files")
    print(f"verify: {len(verify(store, S3)[1])} wrong")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--nights", type=int, default=100)
    parser.add_argument("--new", type=float, default=0.01)
    parser.add_argument("--keep", type=int, default=10)
    arguments = parser.parse_args()
    for keep in (arguments.keep, None):
        work = Path(tempfile.mkdtemp(prefix="headcount-nights-"))
        try:
            with patch("orchestrator.archive.prune.GRACE", timedelta(0)):
                nights(work, arguments, keep)
                if keep:
                    check(work, arguments)
        finally:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
