"""Planning of large containers: seconds and peak memory, by number of photos.

    python -m benchmarks.scale.planning --tar 100000 1000000 --manifest 1000000 10000000

Each row is a process of its own that plans a job over one tar file, or one manifest that gives
etags and sizes, from a local folder into an empty archive; then once more, with the index there.
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
from pathlib import Path


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


def plan(collection: str, archive: str) -> None:
    """Plan a job, in this process, and print what it took."""
    from headcount.s3_settings import S3Settings
    from headcount.settings import Settings
    from headcount.storage import open_store
    from orchestrator.jobs.plan import plan_job
    from orchestrator.jobs.submit import make_spec

    began = time.monotonic()
    spec = make_spec(photos=collection, people=None, archive=archive, out=None, settings=Settings())
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", nargs=2, metavar=("COLLECTION", "ARCHIVE"))
    parser.add_argument("--tar", nargs="*", type=int, default=[])
    parser.add_argument("--manifest", nargs="*", type=int, default=[])
    options = parser.parse_args()
    if options.plan:
        plan(*options.plan)
        return
    for photos in options.tar:
        measure(write_tar, "photos.tar", photos)
    for photos in options.manifest:
        measure(write_manifest, "photos.csv", photos)


if __name__ == "__main__":
    main()
