"""Seconds to check and record a file of answers in an archive, local or on S3.

    python -m benchmarks.scale.answers s3://bucket/empty/ --faces 100000 --lines 10000

makes up an archive there (three faces a photo, five a cluster; tables and assignments, no photo and
no embedding that means anything), writes a file of many words with as many lines, and applies it
twice, each time as the command does: read, check, record. The second time every line is a repeat.
Then the answers are listed and written by face. Memory is the peak of this process.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import time
from collections.abc import Callable, Mapping

import pyarrow as pa

from headcount.answers.file import read_lines, written_lines
from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.vocabulary import face_id
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.jobs.submit import make_spec
from orchestrator.people.answer import check_lines, record_checked
from orchestrator.people.listed import list_answers
from orchestrator.people.written import written

PACK, JOB, PHOTOS_URI = "made-up", "20261128-100000-abcdef", "file:///made-up/photos/"
IN_PHOTO, IN_CLUSTER, WIDTH = 3, 5, 8


def content_of(photo: int) -> str:
    """The SHA-256 of a made-up photo."""
    return hashlib.sha256(str(photo).encode()).hexdigest()


def face_of(number: int) -> str:
    """The id of a made-up face."""
    photo, place = divmod(number, IN_PHOTO)
    return face_id(content_of(photo), PACK, "balanced", place)


def cluster_of(number: int) -> str:
    """The id of the made-up cluster of a face: that of faces of five photos."""
    group, place = divmod(number, IN_PHOTO * IN_CLUSTER)
    return "k" + face_of(group * IN_PHOTO * IN_CLUSTER + place % IN_PHOTO)[1:14]


def make_archive(uri: str, s3: S3Settings, faces: int) -> Store:
    """Make up an archive of so many faces in an empty place."""
    store, keys, collection = open_store(uri, s3), PackKeys(PACK), collection_id(PHOTOS_URI)
    store.put(ARCHIVE, _record().to_bytes())
    store.put(keys.record, b"{}")
    spec = make_spec(photos=PHOTOS_URI, people=None, archive=uri, out=None, settings=Settings())
    store.put(JobKeys(JOB).spec, spec.model_copy(update={"job_id": JOB}).to_bytes())
    photos = -(-faces // IN_PHOTO)
    names = pa.array([f"{photo:07d}.jpg" for photo in range(photos)])
    of_all = {"collection": collection, "job_id": JOB, "profile": "balanced", "outcome": "faces"}
    known = {"photo": names, "content": pa.array([content_of(photo) for photo in range(photos)])}
    known |= _same({"width": 400, "height": 200, "orientation": 1, "faces": IN_PHOTO}, photos)
    _fill(Table(store.uri, keys.photos, s3), PHOTOS, known | _same(of_all, photos), photos)
    numbers = range(faces)
    ids = pa.array([face_of(number) for number in numbers])
    photo = names.take(pa.array([number // IN_PHOTO for number in numbers]))
    found = {"face_id": ids, "photo": photo, "quality": pa.array([n % 97 / 97 for n in numbers])}
    found["x"] = pa.array([100.0 * (number % IN_PHOTO) + 10 for number in numbers])
    found |= _same({"y": 10.0, "w": 80.0, "h": 80.0, "usable": True, **of_all}, faces)
    _fill(Table(store.uri, keys.faces, s3), faces_schema(WIDTH), found, faces)
    _fill(Table(store.uri, keys.gallery, s3), gallery_schema(WIDTH), {}, 0)
    clusters = pa.array([cluster_of(number) for number in numbers])
    assigned = {"photo": photo, "face_id": ids, "cluster_id": clusters}
    table = _table(history.ASSIGNMENTS, assigned, faces)
    history.write_assignments(store, keys, collection, JOB, table)
    return store


def _record() -> ArchiveRecord:
    return ArchiveRecord(created=now(), model=ModelChoice(name="m", pack_id=PACK))


def _same(values: Mapping[str, object], count: int) -> dict[str, pa.Array]:
    return {name: pa.repeat(pa.scalar(value), count) for name, value in values.items()}


def _table(schema: pa.Schema, columns: dict[str, pa.Array], rows: int) -> pa.Table:
    arrays = [
        columns[f.name].cast(f.type) if f.name in columns else pa.nulls(rows, f.type)
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


def _fill(table: Table, schema: pa.Schema, columns: dict[str, pa.Array], rows: int) -> None:
    table.create(schema)
    if rows:
        table.append(_table(schema, columns, rows))


def make_file(lines: int, faces: int) -> bytes:
    """A file of so many lines of many words, on faces and clusters, full and short ids, places."""
    rows = ["what,ids,person,photo,photo_sha256,box,orientation,said_at,said_by"]
    step = max(faces // lines, 1)
    for line in range(lines):
        number = line * step % (faces - 2 * IN_PHOTO)
        face, cluster = face_of(number), cluster_of(number)
        other, box = face_of(number + IN_PHOTO), f"{100 * (number % IN_PHOTO) + 12} 11 80 80"
        rows.append(
            (
                f"name,{cluster},Person {line},,,,,,",
                f"name,{face},Person {line},,,,,2026-11-01T10:00:00Z,Ada",
                f"not,{face[:14]},Person {line - 1},,,,,,",
                f"name,,Person {line},,{content_of(number // IN_PHOTO)},{box},1,,",
                f"dismiss,{cluster},,,,,,,",
                f"same,{face} {other},,,,,,,",
                f"apart,{face} {other},,,,,,,",
                f"face,,Person {line},{number // IN_PHOTO:07d}.jpg,,300 100 40 40,,,",
                f"confirm,{face} {other},Person {line},,,,,,",
                f"accept_absent,,Person {line},2026/,,,,,",
            )[line % 10]
        )
    return ("\n".join(rows) + "\n").encode()


def apply(store: Store, data: bytes, s3: S3Settings) -> tuple[int, int]:
    """Apply a file as the command does; the number of answers and of repeats."""
    read = read_lines(data, "answers.csv", now())
    checked = check_lines(store, read.lines, s3, source="answers.csv", bad=read.bad)
    record_checked(store, checked)
    return len(checked.answers), checked.repeats


def timed(name: str, run: Callable[[], object]) -> None:
    """Run something; print what came of it, its seconds, and the peak of memory so far."""
    began = time.perf_counter()
    found = run()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{name:<10} {found!s:<20} {seconds:6.1f} s  {peak:6,} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", help="an empty place")
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=10_000)
    given = parser.parse_args()
    s3 = S3Settings()
    store = make_archive(canonical_uri(given.archive), s3, given.faces)
    data = make_file(given.lines, given.faces)
    timed("apply", lambda: apply(store, data, s3))
    timed("again", lambda: apply(store, data, s3))
    timed("list", lambda: len(list_answers(store, s3)))

    def write() -> int:
        chosen = [(one.answer, one.members) for one in list_answers(store, s3)]
        return len(written_lines(written(store, s3, chosen).lines, "csv"))

    timed("write", write)


if __name__ == "__main__":
    main()
