"""Small archives made by hand: two collections, two packs, with made-up faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from headcount.assignments.expectations import write_expectations
from headcount.assignments.history import write_assignments
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice, PackRecord
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, Limits
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.table import Table, tables_of

DIMENSIONS = 4
PACK, OTHER_PACK = "p0", "p1"
DAYS, NIGHTS = "file:///days/", "file:///nights/"
FIRST, SECOND = "20260101-000000-aaaaaa", "20260102-000000-bbbbbb"
ADA, BEN = "Ada", "Ben"

DESCRIPTORS: list[list[float] | None] = [
    [3.0, 4.0, 0.0, 0.0],
    [0.0, 0.6, 0.8, 0.0],
    None,
    [0.0, 0.0, 0.0, 0.0],
    [1.0, 1.0, 1.0, 1.0],
]
"""Of the faces of DAYS; the third was not embedded, and the fourth has no direction."""


def pack_record(pack_id: str = PACK, dimensions: int = DIMENSIONS) -> PackRecord:
    texts = dict.fromkeys(
        ("digest", "detector", "detector_sha256", "recogniser", "recogniser_sha256", "licence"), "x"
    )
    return PackRecord(
        name=f"pack {pack_id}",
        pack_id=pack_id,
        dimensions=dimensions,
        threshold=0.4,
        margin=0.1,
        cluster_threshold=0.4,
        **texts,
    )


def filled(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows with a value in every column: an empty text, zero or false where none is said."""
    plain = {pa.string(): "", pa.bool_(): False}
    defaults = {
        field.name: plain.get(field.type, 0)
        for field in schema
        if not (pa.types.is_nested(field.type) or pa.types.is_temporal(field.type))
    }
    return pa.Table.from_pylist([{**defaults, **row} for row in rows], schema)


def add_pack(store: Store, record: PackRecord) -> PackKeys:
    keys = PackKeys(record.pack_id)
    store.put(keys.record, record.to_bytes())
    for table, schema, later in tables_of(store.uri, keys, record.dimensions, S3Settings()):
        table.create(schema, later=later)
    return keys


def append(store: Store, key: str, rows: list[dict[str, Any]]) -> None:
    table = Table(store.uri, key, S3Settings())
    table.append(filled(table.opened().schema, rows))


def face(collection: str, photo: str, number: int, descriptor: object) -> dict[str, Any]:
    return {
        "collection": collection_id(collection),
        "photo": photo,
        "face_id": f"f{number}",
        "x": 10.0 * number,
        "landmarks": [float(number)] * 10,
        "quality": 0.5 + number / 10,
        "descriptor": descriptor,
    }


def said(photo: str, number: int, person: str | None, cluster: str | None) -> dict[str, Any]:
    return {
        "photo": photo,
        "face_id": f"f{number}",
        "decision": "matched" if person else "unknown",
        "person_id": person and person_id(person),
        "person": person,
        "cluster_id": cluster,
    }


def add_job(
    store: Store, keys: PackKeys, job_id: str, collection: str, rows: list[dict[str, Any]]
) -> None:
    """A job that is done, with what it said of faces."""
    out = f"{store.uri}{JobKeys(job_id).results}"
    limits = Limits(max_bytes=1, max_pixels=1, shard_photos=1, shard_bytes=1)
    spec = JobSpec(
        job_id=job_id,
        created=now(),
        photos=collection,
        out=out,
        archive=store.uri,
        model="x",
        limits=limits,
    )
    end = FinishedRecord(job_id=job_id, state="done", finished=now(), out=out, photos=len(rows))
    store.put(JobKeys(job_id).spec, spec.to_bytes())
    store.put(JobKeys(job_id).finished, end.to_bytes())
    columns = ("photo", "face_id", "decision", "person_id", "person", "cluster_id")
    table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in columns]))
    write_assignments(store, keys, collection_id(collection), job_id, table)


def make_archive(folder: Path) -> Store:
    """An archive of two collections under PACK, the second with a copy of a photo of the first."""
    store = open_store(str(folder))
    keys = add_pack(store, pack_record())
    model = ModelChoice(name="x", pack_id=PACK)
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    photos = ("a.jpg", "a.jpg", "b.jpg", "b.jpg", "c.jpg")
    faces = [
        face(DAYS, photo, number, descriptor)
        for number, (photo, descriptor) in enumerate(zip(photos, DESCRIPTORS, strict=True))
    ]
    append(store, keys.faces, [*faces, face(NIGHTS, "a.jpg", 0, DESCRIPTORS[0])])
    of = [(DAYS, p) for p in ("a.jpg", "b.jpg", "c.jpg")] + [(NIGHTS, "a.jpg")]
    append(
        store,
        keys.photos,
        [{"collection": collection_id(c), "photo": p, "outcome": "faces"} for c, p in of],
    )
    references = [(ADA, "people", "ada.jpg"), (ADA, "people", "ada2.jpg"), (BEN, "people", "b.jpg")]
    append(
        store,
        keys.gallery,
        [
            {
                "person_id": person_id(person),
                "person": person,
                "source": source,
                "photo": photo,
                "descriptor": DESCRIPTORS[0],
            }
            for person, source, photo in references
        ],
    )
    first = [said("a.jpg", 0, None, "k0"), said("gone.jpg", 9, None, "k9")]
    add_job(store, keys, FIRST, DAYS, first)
    second = [
        said("a.jpg", 0, ADA, "k0"),
        said("a.jpg", 1, None, "k0"),
        said("b.jpg", 2, None, None),
        said("c.jpg", 4, ADA, "k4"),
    ]
    add_job(store, keys, SECOND, DAYS, second)
    row = {"scope": "a.jpg", "needed": "every", "photo": "a.jpg", "person": BEN, "status": "absent"}
    names = ("scope", "needed", "photo", "person_id", "person", "status")
    expected = pa.Table.from_pylist([row], pa.schema([(name, pa.string()) for name in names]))
    write_expectations(store, keys, collection_id(DAYS), SECOND, expected)
    add_job(store, keys, "20260103-000000-cccccc", NIGHTS, [said("a.jpg", 0, ADA, "k0")])
    return store
