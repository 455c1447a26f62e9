"""What an earlier job said, as this job's faces: also where they had other ids, or another pack."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments import history
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.contract.stored.jobs import PlanRecord
from workers.identity.apply_answers import nearest_place
from workers.runtime.unit import Unit
from workers.tables.columns import NONE, Numbers, one_array, pick, positions

Placed = tuple[str, tuple[float, float, float, float]]
"""A face id and its box."""
PLACED = ("photo", "face_id", "x", "y", "w", "h")
PHOTOS_AT_ONCE = 10_000
"""Photos whose faces are compared, as objects, before the next ones are."""
FACE_ID_MAP = pa.schema([(name, pa.string()) for name in ("photo", "face_id", "meaning")])


def earlier_roll(unit: Unit, faces: pa.Table, restated: pa.Table) -> pa.Table:
    """What the job before this one said of the collection's faces; empty for the first.

    ``restated`` are the MEANINGS of those whose id is another one by now.
    """
    collection = unit.collection_id
    job_id = job_before(unit, unit.pack_keys, collection)
    if job_id is not None:
        return renamed(
            history.read_assignments(unit.store, unit.pack_keys, collection, job_id), restated
        )
    base = PackKeys(read_record(unit.store, ARCHIVE, ArchiveRecord).model.pack_id)
    roll = None if base == unit.pack_keys else base_roll(unit, base, faces)
    return history.ASSIGNMENTS.empty_table() if roll is None else roll


def base_roll(unit: Unit, base: PackKeys, faces: pa.Table) -> pa.Table | None:
    """What the last job under the archive's pack, ``base``, said of this pack's faces, if any."""
    job_id = job_before(unit, base, unit.collection_id)
    if job_id is None:
        return None
    roll = history.read_assignments(unit.store, base, unit.collection_id, job_id)
    return carried(roll, _meanings(unit, base, faces))


def job_before(unit: Unit, keys: PackKeys, collection: str) -> str | None:
    """The job that this one was planned after; else the last one of an earlier time."""
    plan = find_record(unit.store, unit.keys.plan, PlanRecord)
    if plan and plan.after in history.job_ids(unit.store, keys.assignment_folder(collection)):
        return plan.after if plan.after != unit.job_id else None
    return history.latest_job(unit.store, keys, collection, before=unit.job_id)


def renamed(roll: pa.Table, meanings: pa.Table) -> pa.Table:
    """A roll in which the faces that have a meaning go by it."""
    at = positions(history.face_keys(roll), history.face_keys(meanings))
    ids = pc.coalesce(pick(meanings["meaning"], at), one_array(roll["face_id"]))
    return roll.set_column(roll.schema.get_field_index("face_id"), "face_id", ids)


def carried(roll: pa.Table, meanings: pa.Table) -> pa.Table:
    """A roll with the face ids of another pack; rows that have none are left out.

    ``meanings`` has the ``meaning`` of each ``photo`` and ``face_id``.
    """
    at = positions(history.face_keys(roll), history.face_keys(meanings))
    roll = roll.filter(pa.array(at != NONE))
    ids = pick(meanings["meaning"], at[at != NONE])
    return roll.set_column(roll.schema.get_field_index("face_id"), "face_id", ids)


def _meanings(unit: Unit, base: PackKeys, faces: pa.Table) -> pa.Table:
    """Which face of this pack each face of the other pack is."""
    photos = _same_photos(_contents(unit, unit.pack_keys), _contents(unit, base))
    return same_places(_faces_of(unit, base), faces, photos)


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
    at = positions(contents["photo"], others["photo"])
    same = pc.equal(contents["content"], pick(others["content"], at))
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
    photo = positions(faces["photo"], photos)
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


def _faces_of(unit: Unit, keys: PackKeys) -> pa.Table:
    return unit.table(keys.faces).read(PLACED, where=unit.of_collection)


def _contents(unit: Unit, keys: PackKeys) -> pa.Table:
    return unit.table(keys.photos).read(["photo", "content"], where=unit.of_collection)
