"""The columns of the tables that an open archive gives; docs/python.md follows from here.

Columns that results have too have the same names and types there. No column is of halves: DuckDB
refuses a whole Arrow table for one.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from headcount.contract import columns as contract
from headcount.contract.column import Column, Columns

METRIC = "cosine"
"""The measure that embeddings are made for."""

_TEXT, _INT, _TIME = pa.string(), pa.int32(), pa.timestamp("us")


def _own(
    name: str, kind: pa.DataType, meaning: str, unit: str = "", *, null: bool = False
) -> Column:
    return Column(name, kind, meaning, unit, null=null, stored=True, shown=True)


def _of(table: Columns, *names: str, null: bool = False) -> tuple[Column, ...]:
    """Columns of the contract, with the types that results have."""
    known = {column.name: column for column in table.columns}
    types = {field.name: field.type for field in table.shown()}
    return tuple(
        replace(c, type=types.get(name, c.type), stored=True, shown=True, null=c.null or null)
        for name in names
        for c in (known[name],)
    )


_COLLECTION = _own("collection", _TEXT, "URI of the collection")
_ROW_ID = _own("row_id", _TEXT, "id of the row: a UUID made of collection, photo and face")
_JOB = _own("job_id", _TEXT, "job that said so")
_PACK = _own("pack", _TEXT, "id of the model pack")
_EMBEDDING = _own("embedding", pa.list_(pa.float32()), "embedding of unit length")
_METRIC = _own("metric", _TEXT, f"measure that it is made for: {METRIC}")
_BOX = _of(contract.FACES, "x", "y", "w", "h")
_SCORES = _of(contract.FACES, "detection_score", "quality")
_SAID = _of(contract.FACES, "decision", "person_id", "person", "cluster_id", null=True)

PHOTOS = Columns(
    "photos",
    contract.PHOTOS.rows,
    (_COLLECTION, *_of(contract.PHOTOS, *contract.PHOTOS.shown().names)),
)
FACES = Columns(
    "faces",
    "one row per face, with what the latest job said of it",
    (
        _ROW_ID,
        _COLLECTION,
        *_of(contract.FACES, "photo", "face_id"),
        *_BOX,
        *_of(contract.FACES, "landmarks"),
        *_SCORES,
        *_SAID,
        _JOB,
        _PACK,
    ),
)
EMBEDDINGS = Columns(
    "embeddings",
    "one row per face that has an embedding",
    (
        _ROW_ID,
        *_of(contract.FACES, "photo", "face_id"),
        _EMBEDDING,
        _PACK,
        _METRIC,
        _COLLECTION,
        *_BOX,
        *_SCORES,
        *_SAID,
        _JOB,
    ),
)
REFERENCES = Columns(
    "references",
    "one row per reference of an enrolled person",
    (
        *_of(contract.GALLERY, "person_id", "person", "source", "photo", "x", "y", "w", "h"),
        *_of(contract.GALLERY, "quality"),
        _EMBEDDING,
        _PACK,
        _METRIC,
    ),
)
ASSIGNMENTS = Columns(
    "assignments",
    "one row per face that a job decided on",
    (_COLLECTION, *_of(contract.FACES, "photo", "face_id"), *_SAID, _JOB),
)
CLUSTERS = Columns(
    "clusters",
    contract.CLUSTERS.rows,
    (
        _COLLECTION,
        *_of(contract.CLUSTERS, "cluster_id", "faces", "photos", "person_id", "exemplar_face_id"),
    ),
)
EXPECTED = Columns(
    "expected",
    contract.EXPECTED.rows,
    (
        _COLLECTION,
        *_of(contract.EXPECTED, "scope", "needed", "photo", "person_id", "person", "status"),
        _JOB,
    ),
)
ANSWERS = Columns(
    "answers",
    "one row per face of an answer that was not taken back, or per answer without faces",
    (
        _own("answer_id", _TEXT, "id of the answer"),
        _own("what", _TEXT, "its word: name, not, same, ..."),
        _own("said_at", _TIME, "when it was said", "UTC"),
        _own("said_by", _TEXT, "who said it", null=True),
        _own("person_id", _TEXT, "id of the person it names", null=True),
        _own("person", _TEXT, "name of that person", null=True),
        _own("new_person", _TEXT, "of `rename`: the new name", null=True),
        _own("photo", _TEXT, "key or scope that it is about", null=True),
        _own("cluster_id", _TEXT, "cluster that was meant as a whole", null=True),
        _own("job_id", _TEXT, "job by which that cluster's faces are meant", null=True),
        _own("face_id", _TEXT, "id of the face; null: a place alone", null=True),
        _own("photo_sha256", _TEXT, "SHA-256 of the face's photo", null=True),
        *_of(contract.FACES, "x", "y", "w", "h", null=True),
        _own("side", pa.int8(), "of `same` and `apart`: the side it is on", null=True),
        _own("reference", pa.bool_(), "whether it becomes a reference", null=True),
    ),
)
JOBS = Columns(
    "jobs",
    "one row per job, the oldest first",
    (
        _own("job_id", _TEXT, "id of the job"),
        _own("collection", _TEXT, "URI of the collection; null: enrolment alone", null=True),
        _own("state", _TEXT, "open, done, failed, cancelled, undone"),
        _own("created", _TIME, "when it was begun", "UTC"),
        _own("finished", _TIME, "when it ended", "UTC", null=True),
        _own("photos", _INT, "photos of the collection", null=True),
        _own("out", _TEXT, "URI of its results", null=True),
    ),
)
PEOPLE = Columns(
    "people", contract.PEOPLE.rows, _of(contract.PEOPLE, *contract.PEOPLE.shown().names)
)

_GIVEN = {"row_id", "photo", "face_id", "embedding", "pack", "metric"}

TABLES = (
    PHOTOS,
    FACES,
    EMBEDDINGS,
    PEOPLE,
    REFERENCES,
    CLUSTERS,
    ASSIGNMENTS,
    EXPECTED,
    ANSWERS,
    JOBS,
)
"""The tables of an open archive."""


def schema_of(table: Columns, dimensions: int = 0) -> pa.Schema:
    """The Arrow schema of a table; ids and embeddings are declared to be there in every row.

    ``dimensions`` are the numbers of an embedding.
    """
    kinds = {_EMBEDDING.name: pa.list_(pa.float32(), dimensions)} if dimensions else {}
    return pa.schema(
        [
            pa.field(c.name, kinds.get(c.name, c.type), nullable=c.null or c.name not in _GIVEN)
            for c in table.columns
        ]
    )
