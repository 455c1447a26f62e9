"""Photos and faces of an archive's tables with their places, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.record import FaceMark
from headcount.contract.frames import Box4, Frame
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import FILTER_VALUES, any_of
from headcount.tables.table import Table
from orchestrator.people.latest_assignments import LatestAssignments

AT_ONCE = 1 << 16
"""Rows that are looked at together."""
_PHOTO = ("collection", "photo", "content", *Frame._fields)
_FACE = ("collection", "photo", "face_id", "x", "y", "w", "h", "quality", "usable")


class Face(NamedTuple):
    """A face of the table of faces."""

    face_id: str
    photo: str
    box: Box4
    quality: float
    usable: bool
    content: str
    frame: Frame

    def mark(self, **fields: object) -> FaceMark:
        """Its mark, with further ``fields``."""
        return FaceMark.model_validate(
            {
                "face_id": self.face_id,
                "content": self.content,
                "box": self.box,
                "frame": self.frame,
                **fields,
            }
        )


class Photo(NamedTuple):
    """A photo of the table of photos."""

    collection: str
    key: str
    content: str
    frame: Frame


@dataclass(frozen=True, slots=True)
class Source:
    """The tables of a pack, and the latest assignments of the collections that are looked at."""

    store: Store
    s3: S3Settings
    among: Sequence[LatestAssignments]

    def photos(self, contents: set[str], keys: set[str], faces: set[str]) -> list[Photo]:
        """The photos of these contents or keys, and those that these faces are in."""
        of_faces: set[str] = set()
        for latest in self.among:
            inside = rows_in(latest.assignments, "face_id", faces)
            of_faces.update(inside["photo"].to_pylist())
        wanted = {"content": contents - {""}, "photo": (keys | of_faces) - {""}}
        return [
            Photo(row["collection"], row["photo"], row["content"], Frame.of(row))
            for row in self._read("photos", _PHOTO, wanted)
            if row["content"]
        ]

    def faces(self, photos: Iterable[Photo], wanted: set[str], contents: set[str]) -> list[Face]:
        """The faces wanted, and all of the photos of these contents, in the photos' order."""
        photo_of = {(photo.collection, photo.key): photo for photo in photos}
        inside = {photo.key for photo in photo_of.values() if photo.content in contents}
        rows = self._read("faces", _FACE, {"face_id": wanted, "photo": inside})
        found = [
            _face(row, photo)
            for row in rows
            if (photo := photo_of.get((row["collection"], row["photo"]))) is not None
        ]
        return sorted(found, key=lambda face: (face.photo, face.face_id))

    def _read(
        self, table: str, columns: Sequence[str], wanted: Mapping[str, set[str]]
    ) -> list[dict[str, Any]]:
        """Rows with any of the wanted values; of many values all rows are looked at, once."""
        if not self.among or not any(wanted.values()):
            return []
        keys = self.among[0].keys
        key = keys.faces if table == "faces" else keys.photos
        where = any_of("collection", sorted({latest.collection for latest in self.among}))
        if sum(map(len, wanted.values())) <= FILTER_VALUES:
            either = [any_of(column, sorted(values)) for column, values in wanted.items() if values]
            where += f" AND ({' OR '.join(either)})"
        rows: list[dict[str, Any]] = []
        sets = {column: pa.array(sorted(values), pa.string()) for column, values in wanted.items()}
        for batch in Table(self.store.uri, key, self.s3).scan(
            columns, where=where, batch_rows=AT_ONCE
        ):
            here = [pc.is_in(batch[column], value_set=values) for column, values in sets.items()]
            rows += batch.filter(pc.or_(*here)).to_pylist()
        return rows


def rows_in(table: pa.Table, column: str, values: Iterable[str]) -> pa.Table:
    """The rows with one of these values in a column."""
    return table.filter(pc.is_in(table[column], value_set=pa.array(sorted(values), pa.string())))


def _face(row: Mapping[str, Any], photo: Photo) -> Face:
    return Face(
        row["face_id"],
        row["photo"],
        (row["x"], row["y"], row["w"], row["h"]),
        row["quality"],
        bool(row["usable"]),
        photo.content,
        photo.frame,
    )
