"""What an earlier job said, as this job's faces: also where they had other ids, or another pack."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments import rolls
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.messages import ArchiveRecord, PlanRecord, find_record, read_record
from workers.identity.apply_answers import nearest_place
from workers.tables.columns import NONE, Numbers, index_of, one_array, take_or_null
from workers.tables.pack_tables import PackTables

Placed = tuple[str, tuple[float, float, float, float]]
"""A face id and its box."""
PLACED = ("photo", "face_id", "x", "y", "w", "h")
PHOTOS_AT_ONCE = 10_000
"""Photos whose faces are compared, as objects, before the next ones are."""
FACE_ID_MAP = pa.schema([(name, pa.string()) for name in ("photo", "face_id", "meaning")])


def earlier_roll(tables: PackTables, job_id: str, faces: pa.Table, restated: pa.Table) -> pa.Table:
    """What the job before ``job_id`` said of the collection's faces; empty for the first.

    ``restated`` are the MEANINGS of those whose id is another one by now.
    """
    before = job_before(tables, job_id)
    if before is not None:
        return renamed(read_roll(tables, before), restated)
    base = base_tables(tables)
    roll = None if base is None else base_roll(tables, base, job_id, faces)
    return rolls.ROLL.empty_table() if roll is None else roll


def base_tables(tables: PackTables) -> PackTables | None:
    """The tables of the pack that the archive was made with; None where these are they."""
    made_with = read_record(tables.store, ARCHIVE, ArchiveRecord).model
    base = PackKeys(made_with.pack_id)
    return None if base == tables.keys else tables.of_pack(base)


def base_roll(
    tables: PackTables, base: PackTables, job_id: str, faces: pa.Table
) -> pa.Table | None:
    """What the last job before ``job_id`` under another pack said of this pack's faces, if any."""
    before = job_before(base, job_id)
    return (
        None if before is None else carried(read_roll(base, before), _meanings(tables, base, faces))
    )


def job_before(tables: PackTables, job_id: str) -> str | None:
    """The job that this one was planned after; else the last one of an earlier time."""
    store, keys, collection = tables.store, tables.keys, tables.collection
    plan = find_record(store, JobKeys(job_id).plan, PlanRecord)
    if plan and plan.after in rolls.job_ids(store, keys.rolls(collection)):
        return plan.after if plan.after != job_id else None
    return rolls.latest_job(store, keys, collection, before=job_id)


def read_roll(tables: PackTables, job_id: str) -> pa.Table:
    """What a job said of the collection's faces."""
    return rolls.read_roll(tables.store, tables.keys, tables.collection, job_id)


def renamed(roll: pa.Table, meanings: pa.Table) -> pa.Table:
    """A roll in which the faces that have a meaning go by it."""
    at = index_of(rolls.face_keys(roll), rolls.face_keys(meanings))
    ids = pc.coalesce(take_or_null(meanings["meaning"], at), one_array(roll["face_id"]))
    return roll.set_column(roll.schema.get_field_index("face_id"), "face_id", ids)


def carried(roll: pa.Table, meanings: pa.Table) -> pa.Table:
    """A roll with the face ids of another pack; rows that have none are left out.

    ``meanings`` has the ``meaning`` of each ``photo`` and ``face_id``.
    """
    at = index_of(rolls.face_keys(roll), rolls.face_keys(meanings))
    roll = roll.filter(pa.array(at != NONE))
    ids = take_or_null(meanings["meaning"], at[at != NONE])
    return roll.set_column(roll.schema.get_field_index("face_id"), "face_id", ids)


def _meanings(tables: PackTables, base: PackTables, faces: pa.Table) -> pa.Table:
    """Which face of this pack each face of the other pack is."""
    photos = _same_photos(_contents(tables), _contents(base))
    theirs = base.faces.read(PLACED, where=base.of_collection)
    return same_places(theirs, faces, photos)


def same_places(theirs: pa.Table, mine: pa.Table, photos: pa.Array) -> pa.Table:
    """MEANINGS of the faces of these photos under two packs: by place, each at most once."""
    one, other = _placed(theirs, photos), _placed(mine, photos)
    parts = [
        _meant(one.of_photos(first), other.of_photos(first))
        for first in range(0, len(photos), PHOTOS_AT_ONCE)
    ]
    return pa.concat_tables([FACE_ID_MAP.empty_table(), *parts])


def _same_photos(contents: pa.Table, others: pa.Table) -> pa.Array:
    """The photos that have the same content in both tables."""
    at = index_of(contents["photo"], others["photo"])
    same = pc.equal(contents["content"], take_or_null(others["content"], at))
    return one_array(contents["photo"].filter(pc.fill_null(same, False)))


@dataclass(frozen=True, slots=True)
class _Placed:
    """The faces of some photos, by photo, and the number of each one's photo."""

    faces: pa.Table
    photo: Numbers

    def of_photos(self, first: int) -> dict[str, list[Placed]]:
        """The faces of PHOTOS_AT_ONCE photos, by photo."""
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


def _meant(theirs: dict[str, list[Placed]], mine: dict[str, list[Placed]]) -> pa.Table:
    rows = [
        {"photo": photo, "face_id": face, "meaning": meaning}
        for photo, placed in theirs.items()
        if photo in mine
        for face, meaning in _pairs(placed, mine[photo]).items()
    ]
    return pa.Table.from_pylist(rows, schema=FACE_ID_MAP)


def _pairs(theirs: list[Placed], mine: list[Placed]) -> dict[str, str]:
    """Each face of one photo under both packs, every face at most once."""
    left, found = dict(mine), {}
    for face, box in theirs:
        same = nearest_place(box, left.items())
        if same is not None:
            found[face] = same
            del left[same]
    return found


def _contents(tables: PackTables) -> pa.Table:
    return tables.photos.read(["photo", "content"], where=tables.of_collection)
