"""The columns of every table: their types, their meanings, stored or shown in results.

The archive's schemas, the results' schemas, the header of a CSV and the tables in docs/results.md
follow from here. A new column is a line at the end of its table, with the next version as its
``since``; rows from before it are null there. Lines are never reordered or retyped. A stored column
is never renamed: workers of an older build may write to the same archive. One that is shown only
may be: its line keeps its place, with the version of the new name as its ``since`` and the name
before it as ``formerly``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

PIXELS = "pixels of the upright photo"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    A list without a length is as long as an embedding where it is stored. ``names`` says whether
    the column names a person, by id or by name: `forget` empties such cells. A ``nearest`` one
    tells of the person in ``nearest_person_id`` of its row, and is emptied with that. ``formerly``
    is its name in results before ``since``.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    null: bool = False
    stored: bool = False
    shown: bool = False
    names: Literal["", "id", "name", "nearest"] = ""
    since: int = 1
    formerly: str = ""

    def name_in(self, version: int) -> str:
        """Its name in results of a version of the contract; empty where they lack it."""
        return self.name if self.since <= version else self.formerly


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table; ``first`` is the one that results begin with.

    ``key`` are the columns without which nobody can say whom a row of the results is about.
    """

    name: str
    rows: str
    columns: tuple[Column, ...]
    first: str = ""
    key: tuple[str, ...] = ()

    def stored(self, dimensions: int = 0) -> pa.Schema:
        """The schema in the archive, of a pack whose embeddings have so many numbers."""
        return pa.schema(
            [(c.name, _of_length(c.type, dimensions)) for c in self.columns if c.stored]
        )

    def shown(self, version: int | None = None) -> pa.Schema:
        """The schema in the results, as of a version of the contract; of this build without one."""
        of = version or VERSION
        columns = [c for c in self.columns if c.shown and c.name_in(of)]
        ordered = sorted(columns, key=lambda column: column.name != self.first)
        return pa.schema([(c.name_in(of), _of_any_length(c.type)) for c in ordered])

    @property
    def later(self) -> frozenset[str]:
        """The stored columns that an archive from before them lacks."""
        return frozenset(c.name for c in self.columns if c.stored and c.since > 1)

    def published(self) -> list[list[str]]:
        """The columns of the results in each version of the contract, the latest first.

        Versions from before the table have none, and are left out.
        """
        versions = (self.shown(version).names for version in range(VERSION, 0, -1))
        return [names for names in versions if names]


def _of_length(kind: pa.DataType, dimensions: int) -> pa.DataType:
    return pa.list_(kind.value_type, dimensions) if pa.types.is_list(kind) else kind


def _of_any_length(kind: pa.DataType) -> pa.DataType:
    return pa.list_(kind.value_type) if pa.types.is_fixed_size_list(kind) else kind


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

RESULTS = {table.name: table for table in (PHOTOS, FACES, PEOPLE, CLUSTERS, LINEAGE, EXPECTED)}
"""The tables of the results, by name."""

VERSION = max(c.since for table in (*RESULTS.values(), GALLERY) for c in table.columns)
"""The version of the contract: that of the newest column."""
