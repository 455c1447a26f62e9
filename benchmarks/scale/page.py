"""Seconds and memory of the page of `headcount review` on a large made-up archive.

    python -m benchmarks.scale.page /tmp/empty --faces 1000000 --clusters 100000 [--people 1000]

makes up an archive (three faces a photo; half of the faces named, the others in clusters; the
photos do not exist), starts `headcount review` on it as a user does, and asks for what the page
asks for: the first screen of unnamed clusters, those after it, suggestions, people, a person; then
it names clusters, takes back, and leaves faces out. Told are the seconds from the start of the
command to the first screen, the medians and the longest of the others, the processor seconds of
each (of both processes, on a machine that does other things too), and the peak memory of the page's
process and of the one that records. An archive that is there already is used as it is.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.scale.answers import content_of, face_of
from benchmarks.speed.report import processor
from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice, PackRecord
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.jobs.submit import make_spec
from workers.tables.rows import fixed_lists

PACK, JOB, PHOTOS_URI = "made-up", "20261128-100000-abcdef", "file:///made-up/photos/"
PROGRAM = "from orchestrator.cli import main; main()"
FIRST_NAMES = ("Ada", "Berta", "Carla", "Dora", "Emil", "Fritz", "Gina", "Hugo")
IN_PHOTO, WIDTH, BLOCK = 3, 128, 100_000
NOISE = 0.6
"""Length of the noise of a made-up face, beside the person's own vector of length 1."""


def make_archive(folder: Path, faces: int, clusters: int, people: int) -> None:
    """Make up an archive: the first half of the faces are of ``people``, the others in clusters."""
    folder.mkdir(parents=True, exist_ok=True)
    store, s3, keys = open_store(str(folder)), S3Settings(), PackKeys(PACK)
    collection, random = collection_id(PHOTOS_URI), np.random.default_rng(20)
    _records(store, keys)
    photos = -(-faces // IN_PHOTO)
    names = [f"{n // 1000:04d}/{n:07d}.jpg" for n in range(photos)]
    _photos(store, keys, collection, names)
    ids = [face_of(number) for number in range(faces)]
    whose = random.permutation(_identities(faces, clusters, people))
    table = Table(store.uri, keys.faces, s3)
    table.create(faces_schema(WIDTH))
    centres = _unit(random.standard_normal((people + clusters, WIDTH)).astype(np.float32))
    for start in range(0, faces, BLOCK):
        numbers = range(start, min(start + BLOCK, faces))
        noise = random.standard_normal((len(numbers), WIDTH)).astype(np.float32) * NOISE / 11.3
        vectors = _unit(centres[whose[start : start + BLOCK]] + noise)
        table.append(_faces(collection, names, ids, numbers, vectors))
    _gallery(store, keys, centres[:people], s3)
    table = _assignments(names, ids, whose, people)
    history.write_assignments(store, keys, collection, JOB, table)


def _identities(faces: int, clusters: int, people: int) -> np.ndarray[Any, Any]:
    """The identity of each face: of people first, then of clusters with sizes that fall off."""
    named = faces // 2
    weights = 1 / np.arange(1, clusters + 1) ** 0.6
    sizes = np.maximum(1, (weights / weights.sum() * (faces - named)).astype(int))
    strangers = np.repeat(np.arange(clusters), sizes)[: faces - named]
    more = np.arange(faces - named - len(strangers)) % clusters
    strangers = np.concatenate([strangers, more])
    return np.concatenate([np.arange(named) % people, people + strangers])


def _unit(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _records(store: Store, keys: PackKeys) -> None:
    choice = ModelChoice(name="made-up", pack_id=PACK)
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=choice).to_bytes())
    record = PackRecord(
        name="made-up",
        pack_id=PACK,
        digest="",
        detector="",
        detector_sha256="",
        recogniser="",
        recogniser_sha256="",
        dimensions=WIDTH,
        licence="",
        threshold=0.4,
        margin=0.05,
        cluster_threshold=0.45,
    )
    store.put(keys.record, record.to_bytes())
    spec = make_spec(
        photos=PHOTOS_URI, people=None, archive=store.uri, out=None, settings=Settings()
    )
    store.put(JobKeys(JOB).spec, spec.model_copy(update={"job_id": JOB}).to_bytes())


def _photos(store: Store, keys: PackKeys, collection: str, names: list[str]) -> None:
    table, count = Table(store.uri, keys.photos, S3Settings()), len(names)
    table.create(PHOTOS)
    known = {"photo": pa.array(names), "content": pa.array([content_of(n) for n in range(count)])}
    known |= _same({"collection": collection, "job_id": JOB, "outcome": "faces"}, count)
    known |= _same({"width": 4000, "height": 3000, "orientation": 1, "faces": IN_PHOTO}, count)
    table.append(_table(PHOTOS, known, count))


def _faces(
    collection: str,
    names: list[str],
    ids: list[str],
    numbers: range,
    vectors: np.ndarray[Any, Any],
) -> pa.Table:
    count = len(numbers)
    found: dict[str, pa.Array] = {
        "photo": pa.array([names[n // IN_PHOTO] for n in numbers]),
        "face_id": pa.array([ids[n] for n in numbers]),
        "quality": pa.array([n % 97 / 97 for n in numbers]),
        "x": pa.array([1000.0 * (n % IN_PHOTO) + 10 for n in numbers]),
        "descriptor": fixed_lists(vectors.astype(np.float16)),
    }
    found |= _same({"y": 10.0, "w": 400.0, "h": 400.0, "usable": True}, count)
    found |= _same({"collection": collection, "job_id": JOB, "pass": "first"}, count)
    return _table(faces_schema(WIDTH), found, count)


def _gallery(store: Store, keys: PackKeys, vectors: np.ndarray[Any, Any], s3: S3Settings) -> None:
    table, names = Table(store.uri, keys.gallery, s3), [_name(n) for n in range(len(vectors))]
    table.create(gallery_schema(WIDTH))
    found = {
        "person_id": pa.array([person_id(name) for name in names]),
        "person": pa.array(names),
        "photo": pa.array([f"{name}/1.jpg" for name in names]),
        "descriptor": fixed_lists(vectors),
    }
    found |= _same({"source": "file:///made-up/people/", "content": "", "etag": ""}, len(names))
    found |= _same({"x": 0.0, "y": 0.0, "w": 90.0, "h": 90.0, "quality": 1.0}, len(names))
    table.append(_table(gallery_schema(WIDTH), found, len(names)))


def _name(number: int) -> str:
    return f"{FIRST_NAMES[number % len(FIRST_NAMES)]} {number:05d}"


def _assignments(
    names: list[str], ids: list[str], whose: np.ndarray[Any, Any], people: int
) -> pa.Table:
    known = [(person_id(_name(n)), _name(n)) for n in range(people)]
    whom = [known[one] if one < people else (None, None) for one in whose.tolist()]
    found = {
        "photo": pa.array([names[n // IN_PHOTO] for n in range(len(ids))]),
        "face_id": pa.array(ids),
        "decision": pa.array(["matched" if one[0] else "unknown" for one in whom]),
        "person_id": pa.array([one[0] for one in whom], pa.string()),
        "person": pa.array([one[1] for one in whom], pa.string()),
        "cluster_id": pa.array([f"k{one:012x}" for one in whose.tolist()]),
    }
    return _table(history.ASSIGNMENTS, found, len(ids))


def _same(values: dict[str, object], count: int) -> dict[str, pa.Array]:
    return {name: pa.repeat(pa.scalar(value), count) for name, value in values.items()}


def _table(schema: pa.Schema, columns: dict[str, pa.Array], rows: int) -> pa.Table:
    arrays = [
        columns[f.name].cast(f.type) if f.name in columns else pa.nulls(rows, f.type)
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


# -- the page -------------------------------------------------------------------------------------


class Page:
    """A started page: requests, and the memory of its processes."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.peak = psutil.Process(process.pid), {"parent": 0.0, "page": 0.0}
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._token = parse_qs(parts.query)["token"][0]
        self._kept = http.client.HTTPConnection(self._host, self._port, timeout=120)

    def ask(self, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        data = None if body is None else json.dumps(body)
        self._kept.request("GET" if body is None else "POST", path, data, headers)
        answer = self._kept.getresponse()
        found = json.loads(answer.read())
        assert answer.status == 200, found
        return found

    def spent(self) -> float:
        """Processor seconds of both processes so far."""
        both = [self.process, *self.process.children()]
        return sum(sum(one.cpu_times()[:2]) for one in both)

    def watch(self) -> None:
        """Keep the peaks of memory while the page is there."""
        while self.process.is_running():
            try:
                self._note("parent", self.process)
                for child in self.process.children():
                    self._note("page", child)
            except psutil.NoSuchProcess:
                return
            time.sleep(0.02)

    def _note(self, name: str, process: psutil.Process) -> None:
        self.peak[name] = max(self.peak[name], process.memory_info().rss / 2**20)


@contextmanager
def started(folder: Path) -> Iterator[tuple[Page, float]]:
    """The page of an archive, and the moment at which the command was started."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "review", str(folder), "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        page = Page(process, (process.stdout.readline() if process.stdout else "").strip())
        threading.Thread(target=page.watch, daemon=True).start()
        yield page, began
    finally:
        process.terminate()
        process.wait()


def timed(page: Page, name: str, path: str, bodies: list[object] | int) -> None:
    """Ask several times; print the median and the longest."""
    each = [None] * bodies if isinstance(bodies, int) else bodies
    seconds, before = [], page.spent()
    for body in each:
        began = time.perf_counter()
        page.ask(path, body)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds)
    used = (page.spent() - before) / len(each)
    told = f"longest {max(seconds):7.3f} s  processor {used:6.3f} s"
    print(f"{name:<28} {median:7.3f} s  {told}", flush=True)


def measure(folder: Path) -> None:
    with started(folder) as (page, began):
        print(f"{'address printed':<28} {time.perf_counter() - began:7.3f} s", flush=True)
        asked = time.perf_counter()
        page.ask("/api/state")
        first = page.ask("/api/clusters?limit=1")
        print(f"{'first screen, from start':<28} {time.perf_counter() - began:7.3f} s")
        print(f"{'processor time until then':<28} {page.spent():7.3f} s")
        print(f"{'first screen, when asked':<28} {time.perf_counter() - asked:7.3f} s", flush=True)
        seen = [first[0]["cluster_id"]]
        act = {"what": "name", "ids": seen[0], "person": "Zora Quist"}
        timed(page, "first act", "/api/answers", [{"lines": [act], "sure": True}])
        while page.ask("/api/state")["loading"]:
            time.sleep(0.05)
        print(f"{'all loaded, from start':<28} {time.perf_counter() - began:7.3f} s", flush=True)
        timed(page, "suggestions", "/api/suggestions", 5)
        for _ in range(20):
            seen.append(page.ask(f"/api/clusters?skip={','.join(seen)}")[0]["cluster_id"])
        timed(page, "next cluster", f"/api/clusters?skip={','.join(seen)}", 20)
        timed(page, "people", "/api/people?q=Ada", 10)
        one = page.ask("/api/people?q=Ada")[0]["person_id"]
        timed(page, "person", f"/api/person/{one}", 10)
        names = [f"Yann {chr(97 + n % 26) * 5}{chr(97 + n // 26) * 4}" for n in range(20)]
        lines = [
            {"what": "name", "ids": c, "person": n} for c, n in zip(seen[1:], names, strict=True)
        ]
        timed(page, "name a cluster", "/api/answers", [{"lines": [one]} for one in lines])
        timed(page, "next cluster after acts", "/api/clusters", 5)
        timed(page, "undo", "/api/undo", [{"steps": 1}] * 10)
        print(f"{'memory of the page':<28} {page.peak['page']:7.0f} MB")
        print(f"{'memory of who records':<28} {page.peak['parent']:7.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=1_000)
    given = parser.parse_args()
    if not (given.folder / ARCHIVE).exists():
        make_archive(given.folder, given.faces, given.clusters, given.people)
    print(f"{given.faces:,} faces, {given.clusters:,} clusters; {processor()}")
    measure(given.folder)


if __name__ == "__main__":
    main()
