"""The columns of every table: their types, their meanings, stored or shown in results.

The archive's schemas, the results' schemas, the header of a CSV and the tables in docs/results.md
follow from here. A new column is a line at the end of its table, with the next version as its
``since``; rows from before it are null there. Lines are never reordered or retyped. A stored column
is never renamed: workers of an older build may write to the same archive. One that is shown only
may be: its line keeps its place, with the version of the new name as its ``since`` and the name
before it as ``formerly``.
"""

from __future__ import annotations

import pyarrow as pa

from headcount.contract.column import Column, Columns
from headcount.contract.people_columns import CAPTIONS, PEOPLE_BY_DATE, PEOPLE_BY_FOLDER, TOGETHER

PIXELS = "pixels of the upright photo"


_TEXT, _FLOAT, _INT = pa.string(), pa.float32(), pa.int32()


def _part(name: str, meaning: str) -> Column:
    """A column of what the quality of a face goes by."""
    said = f"{meaning}; null: not measured"
    return Column(name, _FLOAT, said, "0..1", null=True, stored=True, since=3)


_PARTS = (
    _part("sharpness", "fine structure of the aligned crop"),
    _part("pose", "1 from the front"),
    _part("certainty", "length of the recogniser's features"),
    _part("outside", "share of the aligned crop that lies outside the photo"),
)

QUALITY_PARTS = tuple(part.name for part in _PARTS)
"""Stored parts of a face's quality."""


def _later(name: str, kind: pa.DataType, meaning: str, unit: str = "") -> Column:
    """A column of what a file says of itself; null where it says nothing, or was not asked."""
    return Column(name, kind, meaning, unit, null=True, stored=True, shown=True, since=4)


_STORED_SIDES = (
    _later("stored_width", _INT, "width before `orientation` was applied", "pixels of the file"),
    _later("stored_height", _INT, "height before `orientation` was applied", "pixels of the file"),
)
_TAKEN = (
    _later("taken", pa.timestamp("ms"), "when it was taken, as the clock on the wall said"),
    _later("taken_offset", pa.int16(), "what that clock was ahead of UTC", "minutes"),
    _later("taken_source", _TEXT, "what says so: exif, xmp, iptc, file name, list"),
    _later("taken_reason", _TEXT, "why a date that is there does not count"),
)

PHOTOS = Columns(
    "photos",
    "one row per photo of the collection",
    (
        Column("collection", _TEXT, "id of the collection", stored=True),
        Column("job_id", _TEXT, "job that took the photo in", stored=True),
        Column("profile", _TEXT, "how hard it was searched", stored=True),
        Column("photo", _TEXT, "key in the collection", stored=True, shown=True),
        Column("etag", _TEXT, "changes with the object", stored=True, shown=True),
        Column("bytes", pa.int64(), "size of the object", "bytes", stored=True, shown=True),
        Column("width", _INT, "width; 0: not read", PIXELS, stored=True, shown=True),
        Column("height", _INT, "height; 0: not read", PIXELS, stored=True, shown=True),
        Column(
            "orientation",
            pa.int8(),
            "turn applied, as in EXIF; 0: unread",
            stored=True,
            shown=True,
        ),
        Column("outcome", _TEXT, "what became of the photo", stored=True, shown=True),
        Column("reason", _TEXT, "why it was not processed", null=True, stored=True, shown=True),
        Column("faces", _INT, "faces found", stored=True, shown=True),
        Column("content", _TEXT, "SHA-256 of the bytes; empty: not fetched", stored=True),
        Column(
            "reading",
            _INT,
            "version of decoding, search and alignment that it was read with; null: 1",
            null=True,
            stored=True,
            shown=True,
            since=3,
        ),
        *_STORED_SIDES,
        *_TAKEN,
        Column(
            "carried",
            _TEXT,
            "regions, names and keywords that the file carries, as JSON; null: none",
            null=True,
            stored=True,
            since=4,
        ),
    ),
    key=("photo",),
)

FACES = Columns(
    "faces",
    "one row per face",
    (
        Column("collection", _TEXT, "id of the collection", stored=True),
        Column("job_id", _TEXT, "job that found the face", stored=True),
        Column("photo", _TEXT, "key of its photo", stored=True, shown=True),
        Column("face_id", _TEXT, "id of the face", stored=True, shown=True),
        Column("x", _FLOAT, "left edge of the box", PIXELS, stored=True, shown=True),
        Column("y", _FLOAT, "upper edge of the box", PIXELS, stored=True, shown=True),
        Column("w", _FLOAT, "width of the box", PIXELS, stored=True, shown=True),
        Column("h", _FLOAT, "height of the box", PIXELS, stored=True, shown=True),
        Column(
            "landmarks",
            pa.list_(_FLOAT, 10),
            "x and y of eyes, nose, corners of the mouth",
            PIXELS,
            stored=True,
            shown=True,
        ),
        Column("detection_score", _FLOAT, "the detector's score", "0..1", stored=True, shown=True),
        Column("quality", _FLOAT, "how recognisable it is", "0..1", stored=True, shown=True),
        Column("pass", _TEXT, "pass of the search that found it", stored=True),
        Column("usable", pa.bool_(), "whether it is good enough to judge", stored=True),
        Column("descriptor", pa.list_(pa.float16()), "embedding of unit length", stored=True),
        Column("decision", _TEXT, "what was said of it", shown=True),
        Column("person_id", _TEXT, "id of the person", null=True, shown=True, names="id"),
        Column("person", _TEXT, "name of the person", null=True, shown=True, names="name"),
        Column("similarity", _FLOAT, "to the nearest person", "cosine", null=True, shown=True),
        Column("probability", _FLOAT, "chance of being that person", "0..1", null=True, shown=True),
        Column("runner_up", _TEXT, "next person's name", null=True, shown=True, names="name"),
        Column("margin", _FLOAT, "lead over the runner-up", "cosine", null=True, shown=True),
        Column("cluster_id", _TEXT, "id of its cluster", null=True, shown=True),
        Column("evidence", _TEXT, "why it has its name, or none", null=True, shown=True),
        Column(
            "nearest",
            _TEXT,
            "nearest person's name, also without a match",
            null=True,
            shown=True,
            names="name",
            since=2,
        ),
        Column(
            "nearest_person_id",
            _TEXT,
            "nearest person's id",
            null=True,
            shown=True,
            names="id",
            since=2,
        ),
        Column(
            "reference",
            _TEXT,
            "that person's nearest reference: folder or collection, and photo",
            null=True,
            shown=True,
            names="nearest",
            since=2,
        ),
        *_PARTS,
        Column(
            "discount", _FLOAT, "similarity not counted", "cosine", null=True, shown=True, since=3
        ),
    ),
    first="face_id",
    key=("face_id", "photo"),
)

GALLERY = Columns(
    "gallery",
    "one row per reference",
    (
        Column("person_id", _TEXT, "id of the person", stored=True, names="id"),
        Column("person", _TEXT, "name of the person", stored=True, names="name"),
        Column("source", _TEXT, "the people folder, or who named the face", stored=True),
        Column("photo", _TEXT, "key of the photo", stored=True),
        Column("etag", _TEXT, "changes with the photo", stored=True),
        Column("content", _TEXT, "SHA-256 of the photo; empty: a face was named", stored=True),
        Column("x", _FLOAT, "left edge of the box", PIXELS, stored=True),
        Column("y", _FLOAT, "upper edge of the box", PIXELS, stored=True),
        Column("w", _FLOAT, "width of the box", PIXELS, stored=True),
        Column("h", _FLOAT, "height of the box", PIXELS, stored=True),
        Column("quality", _FLOAT, "how recognisable it is", "0..1", stored=True),
        Column("descriptor", pa.list_(_FLOAT), "embedding of unit length", stored=True),
        Column(
            "reading", _INT, "reading it was made with; null: 1", null=True, stored=True, since=3
        ),
        Column(
            "orientation", pa.int8(), "turn of its box; null: EXIF", null=True, stored=True, since=3
        ),
        *_PARTS,
    ),
)

PEOPLE = Columns(
    "people",
    "one row per enrolled person",
    (
        Column("person_id", _TEXT, "id of the person", shown=True, names="id"),
        Column("person", _TEXT, "name of the person", shown=True, names="name"),
        Column(
            "reference_count",
            _INT,
            "references enrolled",
            shown=True,
            since=2,
            formerly="references",  # a reserved word of SQL
        ),
        Column("photos", _INT, "photos in which the person was found", shown=True),
        Column("faces", _INT, "faces that were given the name", shown=True),
    ),
    key=("person_id",),
)

CLUSTERS = Columns(
    "clusters",
    "one row per cluster, the largest first",
    (
        Column("cluster_id", _TEXT, "id of the cluster", shown=True),
        Column("faces", _INT, "faces in it", shown=True),
        Column("photos", _INT, "photos they are in", shown=True),
        Column("person_id", _TEXT, "id of the person", null=True, shown=True, names="id"),
        Column("exemplar_face_id", _TEXT, "face of best quality", shown=True),
        Column(
            "dismissed",
            pa.bool_(),
            "whether a person said to leave this stranger alone; null: not known",
            null=True,
            shown=True,
            since=5,
        ),
    ),
    key=("cluster_id",),
)

LINEAGE = Columns(
    "lineage",
    "one row per cluster that changed since the run before",
    (
        Column("job_id", _TEXT, "job that changed it", shown=True),
        Column("change", _TEXT, "what became of it", shown=True),
        Column("cluster_id", _TEXT, "id of the cluster", null=True, shown=True),
        Column("earlier_id", _TEXT, "id in the run before", null=True, shown=True),
        Column("faces", _INT, "faces that went from one to the other", shown=True),
        Column("person_id", _TEXT, "who it is", null=True, shown=True, names="id"),
        Column("earlier_person_id", _TEXT, "who it was", null=True, shown=True, names="id"),
    ),
)

EXPECTED = Columns(
    "expected",
    "one row per expectation",
    (
        Column("scope", _TEXT, "where the person is expected", shown=True, since=2),
        Column("needed", _TEXT, "in every photo of the scope, or in some", shown=True, since=2),
        Column(
            "photo",
            _TEXT,
            "with `every` the photo, with `some` that of `face_id`",
            null=True,
            shown=True,
            since=2,
        ),
        Column(
            "person_id",
            _TEXT,
            "id of the person; null: not enrolled",
            null=True,
            shown=True,
            names="id",
            since=2,
        ),
        Column("person", _TEXT, "name of the person", shown=True, names="name", since=2),
        Column("status", _TEXT, "what became of the expectation", shown=True, since=2),
        Column("reason", _TEXT, "the same in words", shown=True, since=2),
        Column(
            "face_id",
            _TEXT,
            "face that meets it, else the nearest unclaimed one",
            null=True,
            shown=True,
            since=2,
        ),
        Column(
            "similarity",
            _FLOAT,
            "of that face to the person",
            "cosine",
            null=True,
            shown=True,
            since=2,
        ),
        Column("quality", _FLOAT, "of that face", "0..1", null=True, shown=True, since=2),
    ),
    key=("person_id", "person"),
)

_ANSWERING = (CAPTIONS, PEOPLE_BY_FOLDER, PEOPLE_BY_DATE, TOGETHER)

RESULTS = {
    table.name: table for table in (PHOTOS, FACES, PEOPLE, CLUSTERS, LINEAGE, EXPECTED, *_ANSWERING)
}
"""The tables of the results, by name."""

VERSION = max(c.since for table in (*RESULTS.values(), GALLERY) for c in table.columns)
"""The version of the contract: that of the newest column."""
