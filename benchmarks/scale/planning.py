"""Planning of large containers: seconds and peak memory, by number of photos.

    python -m benchmarks.scale.planning --tar 100000 1000000 --manifest 1000000 10000000
    python -m benchmarks.scale.planning --reread 200000 1000000

Each row is a process of its own that plans a job over one tar file, or one manifest that gives
etags and sizes, from a local folder into an empty archive; then once more, with the index there.

With --reread the archive knows all photos, of an older reading and with three faces in two of three
of them. The rows are a plan without and with `--reread all`, a process each.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any


def write_tar(path: Path, photos: int) -> None:
    """Members of 600 bytes in an order that is not that of their names."""
    data = bytes(1024)
    with path.open("wb") as file:
        for number in range(photos):
            info = tarfile.TarInfo(f"{number * 7919 % photos:09}.jpg")
            info.size = 600
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + data)
        file.write(bytes(1024))


def write_manifest(path: Path, photos: int) -> None:
    """Rows in an order that is not that of their keys."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["uri", "etag", "bytes"])
        for number in range(photos):
            name = f"{number * 7919 % photos:09}"
            rows.writerow([f"s3://some-bucket/photos/2026/{name}.jpg", f"{number:032x}", 1_000_000])


def write_archive(collection: str, archive: str) -> None:
    """An archive that knows all photos of a collection, of the first reading, and their faces."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from headcount.assignments.history import ASSIGNMENTS
    from headcount.collections import canonical_collection, open_collection
    from headcount.collections.photos import collection_id
    from headcount.contract.layout import ARCHIVE, PackKeys
    from headcount.contract.record import now
    from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
    from headcount.s3_settings import S3Settings
    from headcount.storage import canonical_uri, open_store
    from headcount.tables.schemas import PHOTOS
    from headcount.tables.table import Table

    uri, store = canonical_collection(collection), open_store(archive)
    record = ArchiveRecord(created=now(), model=ModelChoice(name="m", pack_id="m-1"))
    store.put(ARCHIVE, record.to_bytes())
    table = Table(canonical_uri(archive), PackKeys("m-1").photos, S3Settings())
    table.create(PHOTOS)
    listed = open_collection(uri, S3Settings(), indexes=store).list()
    same: dict[str, Any] = dict.fromkeys(PHOTOS.names) | {"collection": collection_id(uri)}
    same |= {"job_id": "first", "profile": "balanced"}
    local = Path(archive) / "assignments.parquet"
    with pq.ParquetWriter(local, ASSIGNMENTS, compression="zstd") as faces:
        number = 0
        while some := list(islice(listed, 50_000)):
            rows, said = [], []
            for info in some:
                row = {"photo": info.key, "etag": info.etag, "bytes": info.size}
                found = number % 3
                rows.append(same | row | {"outcome": "faces" if found else "no_face"})
                decision = "matched" if found == 1 else "unknown"
                for face in range(3 if found else 0):
                    who = {"photo": info.key, "face_id": f"f{number * 3 + face:023x}"}
                    said.append(dict.fromkeys(ASSIGNMENTS.names) | who | {"decision": decision})
                number += 1
            table.append(pa.Table.from_pylist(rows, PHOTOS))
            faces.write_table(pa.Table.from_pylist(said, ASSIGNMENTS))
    store.put_file(PackKeys("m-1").assignments(collection_id(uri), "first"), local)
    local.unlink()


def plan(collection: str, archive: str, reread: str | None) -> None:
    """Plan a job, in this process, and print what it took."""
    from headcount.contract import reading
    from headcount.s3_settings import S3Settings
    from headcount.settings import Settings
    from headcount.storage import open_store
    from orchestrator.jobs.plan import plan_job
    from orchestrator.jobs.submit import make_spec

    began = time.monotonic()
    reading.READING += 1
    spec = make_spec(
        photos=collection,
        people=None,
        archive=archive,
        out=None,
        settings=Settings(),
        reread=reread,
    )
    done = plan_job(open_store(archive), spec, S3Settings())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{done.photos} {done.shards} {time.monotonic() - began:.1f} {peak}")


def measure(make: object, name: str, photos: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        make(path, photos)  # type: ignore[operator]
        for turn in ("first", "again"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.scale.planning",
                "--plan",
                str(path),
                f"{folder}/archive",
            ]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            planned, shards, seconds, peak = said.split()
            print(
                f"{name:14} {int(planned):>10,} photos  {turn}: {int(shards):>7,} shards "
                f"{seconds:>7} s  {peak:>5} MB",
                flush=True,
            )


def measure_reread(photos: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, archive = Path(folder) / "photos.csv", Path(folder) / "archive"
        archive.mkdir()
        write_manifest(path, photos)
        tool = [sys.executable, "-m", "benchmarks.scale.planning"]
        subprocess.run([*tool, "--archive", str(path), str(archive)], check=True)
        for wish in ((), ("--wish", "all")):
            command = [*tool, "--plan", str(path), str(archive), *wish]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            _, shards, seconds, peak = said.split()
            print(
                f"{'--reread all' if wish else 'no rereading':14} {photos:>10,} photos: "
                f"{int(shards):>7,} shards {seconds:>7} s  {peak:>5} MB",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", nargs=2, metavar=("COLLECTION", "ARCHIVE"))
    parser.add_argument("--archive", nargs=2, metavar=("COLLECTION", "ARCHIVE"))
    parser.add_argument("--wish")
    parser.add_argument("--reread", nargs="*", type=int, default=[])
    parser.add_argument("--tar", nargs="*", type=int, default=[])
    parser.add_argument("--manifest", nargs="*", type=int, default=[])
    options = parser.parse_args()
    if options.plan:
        plan(*options.plan, options.wish)
        return
    if options.archive:
        write_archive(*options.archive)
        return
    for photos in options.reread:
        measure_reread(photos)
    for photos in options.tar:
        measure(write_tar, "photos.tar", photos)
    for photos in options.manifest:
        measure(write_manifest, "photos.csv", photos)


if __name__ == "__main__":
    main()
