"""The previous run's assignments by the ids of this run's faces, also from another pack."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.record import SAME_PLACE, overlap
from headcount.assignments import history
from headcount.assignments.expectations import read_expectations
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.contract.stored.jobs import JobSpec, PlanRecord
from headcount.rosters.changes import EXPECTATIONS
from headcount.tables.schemas import PHOTOS
from workers.identity.same_photos import PHOTO_COLUMNS, in_present_frames, same_photos
from workers.tables.columns import NONE, Numbers, index_of, one_array, take_or_null
from workers.tables.pack_tables import PackTables

Placed = tuple[str, tuple[float, float, float, float]]
"""A face id and its box."""
PLACED = ("photo", "face_id", "x", "y", "w", "h")
PHOTOS_AT_ONCE = 10_000
"""Photos whose faces are held as objects at a time."""
FACE_ID_MAP = pa.schema([(name, pa.string()) for name in ("photo", "face_id", "new_face_id")])
"""The id in this run of faces that had another one, in the previous run or under another pack."""


def previous_assignments(
    tables: PackTables, job_id: str, faces: pa.Table, remapped: pa.Table
) -> pa.Table:
    """Assignments of the job before ``job_id`` to the collection's faces; empty for the first.

    ``remapped`` is the FACE_ID_MAP of the faces whose id has changed since.
    """
    before = job_before(tables, job_id)
    if before is not None:
        return remap(read_assignments(tables, before), remapped)
    return assignments_of_base(tables, job_id, faces)


def assignments_of_base(tables: PackTables, job_id: str, faces: pa.Table) -> pa.Table:
    """Assignments under the pack that the archive was made with, by this pack's faces; or empty."""
    base = base_tables(tables)
    assignments = None if base is None else base_assignments(tables, base, job_id, faces)
    return history.ASSIGNMENTS.empty_table() if assignments is None else assignments


def previous_expectations(tables: PackTables, job_id: str) -> pa.Table:
    """EXPECTATIONS of the last whole run before ``job_id``, also under another pack; or empty."""
    for one in (tables, base_tables(tables)):
        before = None if one is None else whole_job_before(one, job_id)
        if one is not None and before is not None:
            return read_expectations(one.store, one.keys, one.collection, before)
    return EXPECTATIONS.empty_table()


def base_tables(tables: PackTables) -> PackTables | None:
    """The tables of the pack that the archive was made with; None where these are they."""
    made_with = read_record(tables.store, ARCHIVE, ArchiveRecord).model
    base = PackKeys(made_with.pack_id)
    return None if base == tables.keys else tables.of_pack(base)


def base_assignments(
    tables: PackTables, base: PackTables, job_id: str, faces: pa.Table
) -> pa.Table | None:
    """Assignments of the last job before ``job_id`` under another pack, by this pack's faces."""
    before = job_before(base, job_id)
    if before is None:
        return None
    return remap_to_pack(read_assignments(base, before), map_to_pack(tables, base, faces))


def job_before(tables: PackTables, job_id: str) -> str | None:
    """The job that this one was planned after; else the last one of an earlier time."""
    store, keys, collection = tables.store, tables.keys, tables.collection
    plan = find_record(store, JobKeys(job_id).plan, PlanRecord)
    if plan and plan.after in history.job_ids(store, keys.assignment_folder(collection)):
        return plan.after if plan.after != job_id else None
    return history.latest_job(store, keys, collection, before=job_id)


def whole_job_before(tables: PackTables, job_id: str) -> str | None:
    """The last job before this one that was about all photos: first looks are passed over."""
    before, seen = job_before(tables, job_id), {job_id}
    while before is not None and before not in seen and _is_first_look(tables, before):
        seen.add(before)
        before = job_before(tables, before)
    return None if before in seen else before


def _is_first_look(tables: PackTables, job_id: str) -> bool:
    spec = find_record(tables.store, JobKeys(job_id).spec, JobSpec)
    return spec is not None and spec.first is not None


def read_assignments(tables: PackTables, job_id: str) -> pa.Table:
    """A job's assignments to the collection's faces."""
    return history.read_assignments(tables.store, tables.keys, tables.collection, job_id)


def remap(assignments: pa.Table, face_id_map: pa.Table) -> pa.Table:
    """Assignments in which the faces of a FACE_ID_MAP have their new ids."""
    at = index_of(history.face_keys(assignments), history.face_keys(face_id_map))
    ids = pc.coalesce(
        take_or_null(face_id_map["new_face_id"], at), one_array(assignments["face_id"])
    )
    return assignments.set_column(assignments.schema.get_field_index("face_id"), "face_id", ids)


def remap_to_pack(assignments: pa.Table, face_id_map: pa.Table) -> pa.Table:
    """Assignments with the face ids of another pack; faces outside the FACE_ID_MAP are left out."""
    at = index_of(history.face_keys(assignments), history.face_keys(face_id_map))
    assignments = assignments.filter(pa.array(at != NONE))
    ids = take_or_null(face_id_map["new_face_id"], at[at != NONE])
    return assignments.set_column(assignments.schema.get_field_index("face_id"), "face_id", ids)


def map_to_pack(tables: PackTables, base: PackTables, faces: pa.Table) -> pa.Table:
    """FACE_ID_MAP from the base pack's faces to this pack's, in photos of unchanged content."""
    photos = same_photos(_photos(base), _photos(tables))
    theirs = base.faces.read(PLACED, where=base.of_collection)
    return same_places(in_present_frames(theirs, photos), faces, one_array(photos["photo"]))


def same_places(theirs: pa.Table, mine: pa.Table, photos: pa.Array) -> pa.Table:
    """FACE_ID_MAP from their faces to mine in these photos: by place, each at most once."""
    one, other = _placed(theirs, photos), _placed(mine, photos)
    parts = [
        _same_faces(one.of_photos(first), other.of_photos(first))
        for first in range(0, len(photos), PHOTOS_AT_ONCE)
    ]
    return pa.concat_tables([FACE_ID_MAP.empty_table(), *parts])


@dataclass(frozen=True, slots=True)
class _Placed:
    """The faces of some photos, sorted by photo, and the number of each one's photo."""

    faces: pa.Table
    photo: Numbers

    def of_photos(self, first: int) -> dict[str, list[Placed]]:
        """The faces of PHOTOS_AT_ONCE photos from number ``first`` on, by photo."""
        start, end = np.searchsorted(self.photo, [first, first + PHOTOS_AT_ONCE])
        by_photo: defaultdict[str, list[Placed]] = defaultdict(list)
        for row in self.faces.slice(start, end - start).to_pylist():
            box = (row["x"], row["y"], row["w"], row["h"])
            by_photo[row["photo"]].append((row["face_id"], box))
        return by_photo


def _placed(faces: pa.Table, photos: pa.Array) -> _Placed:
    photo = index_of(faces["photo"], photos)
    order = np.argsort(photo, kind="stable")
    order = order[np.searchsorted(photo[order], 0) :]  # NONE comes before all photos
    return _Placed(faces.select(PLACED).take(order), photo[order])


def _same_faces(theirs: dict[str, list[Placed]], mine: dict[str, list[Placed]]) -> pa.Table:
    rows = [
        {"photo": photo, "face_id": face, "new_face_id": new_face_id}
        for photo, placed in theirs.items()
        if photo in mine
        for face, new_face_id in _pairs(placed, mine[photo]).items()
    ]
    return pa.Table.from_pylist(rows, schema=FACE_ID_MAP)


def _pairs(theirs: list[Placed], mine: list[Placed]) -> dict[str, str]:
    """My face at the place of each of theirs in one photo, the best overlap first; none twice."""
    shared = [(overlap(box, other), face, same) for face, box in theirs for same, other in mine]
    found: dict[str, str] = {}
    taken: set[str] = set()
    for most, face, same in sorted(shared, key=lambda pair: (-pair[0], *pair[1:])):
        if most >= SAME_PLACE and face not in found and same not in taken:
            found[face] = same
            taken.add(same)
    return found


def _photos(tables: PackTables) -> pa.Table:
    schema = pa.schema([PHOTOS.field(name) for name in PHOTO_COLUMNS])
    batches = tables.photos.scan(schema, where=tables.of_collection)
    return pa.Table.from_batches(batches, schema=schema)
