"""A made-up archive whose photos are of the first reading, each with an outcome."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from headcount.assignments.history import ASSIGNMENTS, write_table
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys, commit_key
from headcount.contract.record import now
from headcount.contract.stored.archive import (
    ArchiveRecord,
    CommitRecord,
    LastCommitRecord,
    ModelChoice,
)
from headcount.contract.stored.jobs import JobSpec
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import ObjectInfo, open_store
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.jobs.submit import make_spec, submit

PACK = PackKeys("m-1")
S3 = S3Settings()
OUTCOMES = {
    "a.jpg": "faces",  # named
    "b.jpg": "faces",  # inferred, and another face too poor
    "c.jpg": "faces",  # unknown and too poor
    "d.jpg": "unreadable",
    "e.jpg": "no_face",
    "f.jpg": "crashed",
    "g.jpg": "faces",  # too poor
    "h.jpg": "no_face",
    "i.jpg": "too_large",
}
DECISIONS = [
    ("a.jpg", "matched"),
    ("b.jpg", "inferred"),
    ("b.jpg", "ignored"),
    ("c.jpg", "unknown"),
    ("c.jpg", "ignored"),
    ("g.jpg", "ignored"),
]
IN_ORDER = ["e.jpg", "h.jpg", "d.jpg", "f.jpg", "i.jpg", "c.jpg", "g.jpg", "a.jpg", "b.jpg"]


def archive_of_first_reading(folder: Path) -> JobSpec:
    """A job over photos that the archive knows of the first reading, each with an outcome."""
    (folder / "photos").mkdir()
    for name in OUTCOMES:
        (folder / "photos" / name).write_bytes(b"x")
    made = make_spec(
        photos=str(folder / "photos"),
        people=None,
        archive=str(folder / "archive"),
        out=None,
        settings=Settings(shard_photos=4),
    ).model_copy(update={"job_id": "first"})
    store = submit(made, S3)
    first = ArchiveRecord(created=now(), model=ModelChoice(name="m", pack_id="m-1"))
    store.put(ARCHIVE, first.to_bytes())
    table = Table(store.uri, PACK.photos, S3)
    table.create(PHOTOS)
    table.append(rows(made, open_store(made.photos or "").list()))
    said = [
        dict.fromkeys(ASSIGNMENTS.names, "x") | {"photo": p, "decision": d} for p, d in DECISIONS
    ]
    collection = collection_id(made.photos or "")
    key = PACK.assignments(collection, "first")
    write_table(store, key, pa.Table.from_pylist(said, ASSIGNMENTS))
    versions = CommitRecord(
        pack_id=PACK.pack_id, photos=table.version, faces=1, gallery=1, at=now()
    )
    store.put(JobKeys("first").commit, versions.to_bytes())
    store.put(commit_key(collection), LastCommitRecord(job_id="first", made=True).to_bytes())
    return made


def rows(spec: JobSpec, photos: Iterable[ObjectInfo], **changes: object) -> pa.Table:
    found = [
        dict.fromkeys(PHOTOS.names)
        | {
            "collection": collection_id(spec.photos or ""),
            "job_id": "first",
            "photo": info.key,
            "etag": info.etag,
            "bytes": info.size,
            "outcome": OUTCOMES.get(info.key, "faces"),
            "profile": "balanced",
        }
        | changes
        for info in photos
    ]
    return pa.Table.from_pylist(found, PHOTOS)
