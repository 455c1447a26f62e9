"""A person's faces in an archive: as people named them, as jobs assigned them, in every pack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.record import SAME_PLACE, overlap
from headcount.contract.forgotten import Place
from headcount.contract.frames import UNKNOWN, Box4, Frame
from headcount.contract.layout import PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, parts
from headcount.tables.table import Table
from orchestrator.people.latest_assignments import marks_by_hand, pack_ids, read_latest

_PLACE = ("collection", "photo", "x", "y", "w", "h")


@dataclass(slots=True)
class FaceTraces:
    """A person's faces in an archive: ids, photos (collection and key), and places in contents.

    ``seen`` are the ids of faces whose rows were found.
    """

    faces: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    photos: set[tuple[str, str]] = field(default_factory=set)
    places: dict[tuple[str, Box4], Place] = field(default_factory=dict)

    def add_place(self, content: str, box: Box4, frame: Frame = UNKNOWN) -> None:
        """Add the place of a face; skip it where the content of its photo is unknown."""
        if content:
            self.places[content, box] = Place.of(content, box, frame)


def trace_faces(store: Store, people: Collection[str], s3: S3Settings) -> FaceTraces:
    """All faces of a person, given by the ids of all names, under whatever pack."""
    traces = FaceTraces()
    named = [mark for person in people for mark in marks_by_hand(store, person)]
    traces.faces.update(mark.face_id for mark in named if mark.face_id)
    for pack_id in pack_ids(store):
        _trace_names(store, PackKeys(pack_id), people, traces, s3)
    for mark in named:
        if mark.face_id not in traces.seen:  # else its row tells the frame of its box too
            traces.add_place(mark.content, mark.box, Frame(*mark.frame))
    for pack_id in pack_ids(store):
        _trace_places(store, PackKeys(pack_id), traces, s3)
    return traces


def _trace_names(
    store: Store, keys: PackKeys, people: Collection[str], traces: FaceTraces, s3: S3Settings
) -> None:
    """Add the faces that a pack's latest assignments give the person, and where they are.

    Also adds where the faces are that were traced before: those that people named.
    """
    table = Table(store.uri, keys.faces, s3)
    if not table.exists():
        return
    for latest in read_latest(store, keys):
        ids = latest.assignments["person_id"]
        mine = latest.assignments.filter(pc.is_in(ids, pa.array(sorted(people), pa.string())))
        traces.faces.update(mine["face_id"].to_pylist())
    faces = _rows(table, [*_PLACE, "face_id"], "face_id", traces.faces)
    photos = {(row["collection"], row["photo"]) for row in faces}
    rows = _photos(store, keys, "photo", {photo for _, photo in photos}, s3)
    traces.photos |= photos
    for row in faces:
        traces.seen.add(row["face_id"])
        content, frame = rows.get((row["collection"], row["photo"]), ("", UNKNOWN))
        traces.add_place(content, _box(row), frame)


def _trace_places(store: Store, keys: PackKeys, traces: FaceTraces, s3: S3Settings) -> None:
    """Add the same faces under other ids of this pack: same content, same place."""
    faces = Table(store.uri, keys.faces, s3)
    if not (Table(store.uri, keys.photos, s3).exists() and faces.exists()):
        return
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for place in traces.places.values():
        places[place.content].append(place)
    rows = _photos(store, keys, "content", places, s3)
    for row in _rows(faces, [*_PLACE, "face_id"], "photo", {photo for _, photo in rows}):
        at = row["collection"], row["photo"]
        (content, frame), box = rows.get(at, ("", UNKNOWN)), _box(row)
        if any(overlap(box, p.box_in(frame)) >= SAME_PLACE for p in places.get(content, ())):
            traces.faces.add(row["face_id"])
            traces.photos.add(at)
            traces.add_place(content, box, frame)


def _photos(
    store: Store, keys: PackKeys, column: str, values: Iterable[str], s3: S3Settings
) -> dict[tuple[str, str], tuple[str, Frame]]:
    """Content and frame of a pack's photos with these values of a column, by collection and key."""
    table = Table(store.uri, keys.photos, s3)
    columns = ["collection", "photo", "content", *Frame._fields]
    return {
        (row["collection"], row["photo"]): (row["content"], Frame.of(row))
        for row in _rows(table, columns, column, values)
    }


def _box(row: dict[str, Any]) -> Box4:
    return row["x"], row["y"], row["w"], row["h"]


def _rows(
    table: Table, columns: list[str], column: str, values: Iterable[str]
) -> list[dict[str, Any]]:
    return [
        row
        for part in parts(sorted(set(values)))
        for row in table.read(columns, where=any_of(column, part)).to_pylist()
    ]
