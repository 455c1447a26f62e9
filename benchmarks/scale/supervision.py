"""What orchestration costs: planning a listing, taking a large job up again, one supervisor's step.

    python -m benchmarks.scale.supervision plan --photos 10000000
    python -m benchmarks.scale.supervision supervise --shards 100000

The listing and the store are made up in this process, so that headcount's own work is what is
measured, not a network. Seconds of this machine, and peak memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from unittest import mock

from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord
from headcount.errors import ObjectMissing
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage.base import Blob, ObjectInfo
from headcount.storage.memory import MemoryStore


class Listing:
    """So many photos, in key order."""

    uri = "s3://synthetic/"

    def __init__(self, photos: int) -> None:
        self._photos = photos

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002
        for number in range(self._photos):
            yield ObjectInfo(f"2026/album/{number:010}.jpg", f"{number:032x}", 2_500_000)


class Sink(MemoryStore):
    """Counts what is written and forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = self.bytes = 0

    def put(self, key: str, data: bytes) -> str:  # noqa: ARG002
        self.objects += 1
        self.bytes += len(data)
        return "etag"


class Markers(MemoryStore):
    """An archive in which the first ``done`` shards are done."""

    def __init__(self, keys: JobKeys, done: int) -> None:
        super().__init__()
        self._keys, self._done = keys, done
        self._marker = DoneMarker(
            unit=shard_name(0),
            attempt=1,
            worker="w",
            seconds=100,
            photos=1000,
            faces=900,
            outcomes={"faces": 600, "no_face": 400},
            stages={"fetch": 1.0, "decode": 50.0, "detect": 30.0, "write": 1.0},
            photo_fragments=("{}" * 300,),
            face_fragments=("{}" * 300,),
        ).to_bytes()

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        if prefix != self._keys.done_folder:
            yield from super().list(prefix, start_after=start_after)
            return
        for number in range(self._done):
            yield ObjectInfo(self._keys.done(shard_name(number)), "e", len(self._marker))

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        if key.startswith(self._keys.done_folder):
            if int(key[-12:-5]) >= self._done:
                raise ObjectMissing(key)
            return Blob(self._marker, "e")
        return super().get(key, limit=limit)


class Idle:
    """A broker whose workers are busy for ever, but for those units that are finished."""

    def __init__(self) -> None:
        self.sent = self.signs = 0

    def send(self, message: object) -> None:  # noqa: ARG002
        self.sent += 1

    def heartbeats(self, job_id: str, units: Iterable[str]) -> dict[str, dict[str, object]]:  # noqa: ARG002
        self.signs += 1
        return {unit: {"state": "working", "number": self.signs, "photos": 1} for unit in units}

    def forget_heartbeats(self, job_id: str, units: Iterable[str]) -> None:  # noqa: ARG002
        assert not units

    def waiting(self, job_id: str) -> set[str]:  # noqa: ARG002
        return set()


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def plan(photos: int) -> None:
    from orchestrator.jobs import plan as planning
    from orchestrator.jobs.submit import make_spec

    settings = Settings(shard_photos=1000, shard_bytes=1 << 40)
    spec = make_spec(
        photos=Listing.uri, people=None, archive="s3://a/", out=None, settings=settings
    )
    before, store, began = peak(), Sink(), time.monotonic()
    with mock.patch.object(planning, "open_collection", lambda *_, **__: Listing(photos)):
        done = planning.plan_job(store, spec, S3Settings())
    seconds = time.monotonic() - began
    print(
        f"{done.photos:,} photos in {done.shards:,} shards planned in {seconds:.1f} s: "
        f"{done.photos / seconds:,.0f} keys/s, {store.bytes / 2**20:.0f} MiB of manifests, "
        f"peak memory {peak()} MiB ({peak() - before} MiB more than before)"
    )


def supervise(shards: int) -> None:
    from orchestrator.jobs.supervisor import Supervisor

    keys = JobKeys("job")
    store, broker = Markers(keys, shards // 2), Idle()
    steps: list[float] = []
    last = time.perf_counter()

    class Enough(Exception):
        pass

    def tick() -> None:
        nonlocal last
        steps.append(time.perf_counter() - last)
        if len(steps) > 200:
            raise Enough
        last = time.perf_counter()

    settings = Settings(window=1024, poll_seconds=1e-6)
    supervisor = Supervisor(
        store, "job", broker=broker, settings=settings, s3=S3Settings(), tick=tick
    )
    record = PlanRecord(
        photos=shards * 1000,
        bytes=1,
        other_objects=0,
        new=shards * 1000,
        changed=0,
        known=0,
        removed=0,
        shards=shards,
        planned_photos=shards * 1000,
        planned_bytes=1,
    )
    began = last = time.perf_counter()
    spec = JobSpec.model_construct(job_id="job", priority="normal")
    with suppress(Enough):
        supervisor.stages.embed(spec, record)
    taken_up = steps[0]
    print(
        f"{shards:,} shards, half of them done: taken up and the window of {settings.window} sent "
        f"in {taken_up:.1f} s; {len(steps) - 1} steps after that: median "
        f"{statistics.median(steps[1:]) * 1e3:.1f} ms, longest {max(steps[1:]) * 1e3:.1f} ms; "
        f"peak memory {peak()} MiB (all: {time.perf_counter() - began:.1f} s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    planning = commands.add_parser("plan")
    planning.add_argument("--photos", type=int, default=10_000_000)
    supervising = commands.add_parser("supervise")
    supervising.add_argument("--shards", type=int, default=100_000)
    arguments = parser.parse_args()
    if arguments.command == "plan":
        plan(arguments.photos)
    else:
        supervise(arguments.shards)


if __name__ == "__main__":
    main()
