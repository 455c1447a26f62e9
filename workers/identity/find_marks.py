"""The faces of a run that the marks of answers mean: by id, else by place in the same content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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


def find_marks(tables: PackTables, faces: pa.Table, marks: Sequence[FaceMark]) -> list[str | None]:
    """The face of this run that each mark means; None where it is not here.

    Found by the mark's id; for faces of another pack, profile or reading, and for marks without an
    id, by place: the best overlap of boxes in a photo of the same content. Of several marks with
    one id the last that has a place tells it. Beside the archive's pack, whose jobs keep the marks'
    places, the photo may be turned otherwise.
    """
    here = _ids_here(faces, {mark.face_id for mark in marks})
    places = {_key(mark): mark for mark in marks if mark.content and mark.face_id not in here}
    found: dict[_Key, str] = {face: face for face in here}
    found |= _by_place(tables, faces, places)
    return [found.get(_key(mark)) for mark in marks]


_Key = str | tuple[str, Box4, tuple[int, int, int]]
"""The id of a mark; of one without, its content, box and frame."""


def _key(mark: FaceMark) -> _Key:
    return mark.face_id or (mark.content, mark.box, mark.frame)


def _by_place(
    tables: PackTables, faces: pa.Table, marks: Mapping[_Key, FaceMark]
) -> dict[_Key, str]:
    """The face at the place of each mark, by the mark's key."""
    if not marks:
        return {}
    contents = {mark.content for mark in marks.values()}
    photos, base = photos_by_content(tables, contents), base_tables(tables)
    marked = {} if base is None else photos_by_content(base, contents)
    placed = _faces_in(faces, {photo.key for photo in photos.values()})
    found: dict[_Key, str] = {}
    for key, mark in marks.items():
        photo = photos.get(mark.content)
        if photo is None:
            continue
        before = Frame(*mark.frame)
        if before == UNKNOWN and mark.content in marked:
            before = marked[mark.content].frame
        if before == UNKNOWN and photo.turned:
            continue  # nobody knows how the photo lay then: somebody else may be at that place
        moved = moved_box(mark.box, before.sized(photo.frame), photo.frame)
        face = nearest_place(moved, placed.get(photo.key, ()))
        if face is not None:
            found[key] = face
    return found


def faces_of_clusters(
    tables: PackTables, faces: pa.Table, records: Sequence[Answer]
) -> list[tuple[str, ...]]:
    """Ids in this run of all faces of the cluster that each answer names.

    They are the faces that the answer's job put there; under another pack, those at their places.
    """
    return faces_here(tables, faces, faces_then(tables, records))


def faces_here(
    tables: PackTables, faces: pa.Table, found: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Ids in this run of faces that jobs of the archive's pack had; those that are gone are not."""
    base = base_tables(tables)
    if base is None or not any(found):
        here = _ids_here(faces, {face for some in found for face in some})
        return [tuple(face for face in some if face in here) for some in found]
    ids = map_to_pack(tables, base, faces)
    moved = dict(zip(ids["face_id"].to_pylist(), ids["new_face_id"].to_pylist(), strict=True))
    return [tuple(moved[face] for face in some if face in moved) for some in found]


def faces_then(tables: PackTables, records: Sequence[Answer]) -> list[tuple[str, ...]]:
    """Ids of all faces of the cluster that each answer names, as its job put them there."""
    keys = (base_tables(tables) or tables).keys
    return cluster_faces(tables.store, keys, [record.moment for record in records])


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
