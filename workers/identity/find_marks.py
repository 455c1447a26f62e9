"""The faces of a run that the marks of answers mean: by id, else by place in the same content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.record import SAME_PLACE, Answer, FaceMark, overlap
from headcount.assignments.moment import cluster_faces
from headcount.contract.frames import UNKNOWN, Box4, Frame, moved_box
from headcount.contract.reading import FIRST
from headcount.tables.filters import any_of, parts
from headcount.tables.schemas import PHOTOS
from workers.identity.previous_run import base_tables, map_to_pack
from workers.tables.columns import isin
from workers.tables.pack_tables import PackTables

_PHOTO = pa.schema([PHOTOS.field(n) for n in ("photo", "content", "reading", *Frame._fields)])


def find_marks(tables: PackTables, faces: pa.Table, marks: Sequence[FaceMark]) -> dict[str, str]:
    """The face of this run that each mark means, by the mark's face id.

    Found by that id; for faces of another pack, profile or reading by place: the best overlap of
    boxes in a photo of the same content. Beside the archive's pack, whose jobs keep the marks'
    places, the photo may be turned otherwise.
    """
    ids = {mark.face_id for mark in marks}
    here = _ids_here(faces, ids)
    meant = {face: face for face in ids & here}
    others = [mark for mark in marks if mark.face_id not in here and mark.content]
    if not others:
        return meant
    contents = {mark.content for mark in others}
    photos, base = photos_by_content(tables, contents), base_tables(tables)
    marked = {} if base is None else photos_by_content(base, contents)
    placed = _faces_in(faces, {photo.key for photo in photos.values()})
    for mark in others:
        photo = photos.get(mark.content)
        if photo is None:
            continue
        before = Frame(*mark.frame)
        if before == UNKNOWN and mark.content in marked:
            before = marked[mark.content].frame
        if before == UNKNOWN and photo.turned:
            continue  # nobody knows how the photo lay then: somebody else may be at that place
        face = nearest_place(moved_box(mark.box, before, photo.frame), placed.get(photo.key, ()))
        if face is not None:
            meant[mark.face_id] = face
    return meant


def faces_of_clusters(
    tables: PackTables, faces: pa.Table, records: Sequence[Answer]
) -> list[tuple[str, ...]]:
    """Ids in this run of all faces of the cluster that each answer names.

    They are the faces that the answer's job put there; under another pack, those at their places.
    """
    base = base_tables(tables)
    keys = tables.keys if base is None else base.keys
    found = cluster_faces(tables.store, keys, [record.moment for record in records])
    if base is None or not any(found):
        here = _ids_here(faces, {face for some in found for face in some})
        return [tuple(face for face in some if face in here) for some in found]
    ids = map_to_pack(tables, base, faces)
    moved = dict(zip(ids["face_id"].to_pylist(), ids["new_face_id"].to_pylist(), strict=True))
    return [tuple(moved[face] for face in some if face in moved) for some in found]


def _ids_here(faces: pa.Table, wanted: set[str]) -> set[str]:
    return set(faces["face_id"].filter(isin(faces["face_id"], wanted)).to_pylist())


def _faces_in(faces: pa.Table, photos: set[str]) -> dict[str, list[tuple[str, Box4]]]:
    """The id and box of each face in these photos, by photo."""
    by_photo: defaultdict[str, list[tuple[str, Box4]]] = defaultdict(list)
    inside = faces.filter(pc.is_in(faces["photo"], pa.array(sorted(photos), pa.string())))
    for row in inside.select(["photo", "face_id", "x", "y", "w", "h"]).to_pylist():
        box = (row["x"], row["y"], row["w"], row["h"])
        by_photo[row["photo"]].append((row["face_id"], box))
    return by_photo


def nearest_place(box: Box4, faces: Iterable[tuple[str, Box4]]) -> str | None:
    """The face whose box overlaps ``box`` most; None below SAME_PLACE."""
    best, most = None, SAME_PLACE
    for face, other in faces:
        shared = overlap(box, other)
        if shared >= most:
            best, most = face, shared
    return best


class FoundPhoto(NamedTuple):
    """A photo and its frame; ``turned`` if a later reading than the first may have turned it."""

    key: str
    frame: Frame
    turned: bool


def photos_by_content(tables: PackTables, contents: set[str]) -> dict[str, FoundPhoto]:
    """The collection's first photo of each of these contents."""
    found: dict[str, FoundPhoto] = {}
    for part in parts(sorted(contents)):
        where = f"{tables.of_collection} AND {any_of('content', part)}"
        for batch in tables.photos.scan(_PHOTO, where=where):
            for row in batch.to_pylist():
                frame = Frame.of(row)
                later = (row["reading"] or FIRST) > FIRST
                one = FoundPhoto(row["photo"], frame, later and frame.orientation > 1)
                found[row["content"]] = min(one, found.get(row["content"], one))
    return found
