"""What an earlier job said, as this job's faces: also where that job had another model pack."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa

from headcount import rolls
from headcount.layout import ARCHIVE, PackKeys
from headcount.messages import ArchiveRecord, PlanRecord, find_record, read_record
from headcount.photos import collection_id
from headcount.tables import in_collection
from workers.context import Unit
from workers.decisions import nearest_place

Placed = tuple[str, tuple[float, float, float, float]]
"""A face id and its box."""


def earlier_roll(unit: Unit, faces: pa.Table) -> pa.Table:
    """What the job before this one said of the collection's faces; empty for the first."""
    collection = collection_id(unit.spec.photos or "")
    job_id = _job_before(unit, unit.pack_keys, collection)
    if job_id is not None:
        return rolls.read_roll(unit.store, unit.pack_keys, collection, job_id)
    base = PackKeys(read_record(unit.store, ARCHIVE, ArchiveRecord).model.pack_id)
    other = _job_before(unit, base, collection)
    if base == unit.pack_keys or other is None:
        return rolls.ROLL.empty_table()
    roll = rolls.read_roll(unit.store, base, collection, other)
    return carried(roll, _meanings(unit, base, faces))


def _job_before(unit: Unit, keys: PackKeys, collection: str) -> str | None:
    """The job that this one was planned after; else the last one of an earlier time."""
    plan = find_record(unit.store, unit.keys.plan, PlanRecord)
    if plan and plan.after in rolls.job_ids(unit.store, keys.rolls(collection)):
        return plan.after if plan.after != unit.job_id else None
    return rolls.latest_job(unit.store, keys, collection, before=unit.job_id)


def carried(roll: pa.Table, meanings: dict[tuple[str, str], str]) -> pa.Table:
    """A roll with the face ids of another pack, by photo and face id; other rows are left out."""
    rows = [
        row | {"face_id": meanings[row["photo"], row["face_id"]]}
        for row in roll.to_pylist()
        if (row["photo"], row["face_id"]) in meanings
    ]
    return pa.Table.from_pylist(rows, schema=rolls.ROLL)


def _meanings(unit: Unit, base: PackKeys, faces: pa.Table) -> dict[tuple[str, str], str]:
    """Which face of this pack each face of the other pack is: by place, in the same content."""
    contents, other_contents = (_contents(unit, keys) for keys in (unit.pack_keys, base))
    mine = _placed(faces)
    theirs = _placed(_faces_of(unit, base))
    found: dict[tuple[str, str], str] = {}
    for photo, placed in theirs.items():
        if photo in mine and contents.get(photo, "") == other_contents.get(photo):
            found |= _pairs(photo, placed, mine[photo])
    return found


def _pairs(photo: str, theirs: list[Placed], mine: list[Placed]) -> dict[tuple[str, str], str]:
    """Each face of one photo under both packs, every face at most once."""
    left, found = dict(mine), {}
    for face, box in theirs:
        same = nearest_place(box, left.items())
        if same is not None:
            found[photo, face] = same
            del left[same]
    return found


def _placed(faces: pa.Table) -> dict[str, list[Placed]]:
    by_photo: defaultdict[str, list[Placed]] = defaultdict(list)
    for row in faces.select(["photo", "face_id", "x", "y", "w", "h"]).to_pylist():
        by_photo[row["photo"]].append((row["face_id"], (row["x"], row["y"], row["w"], row["h"])))
    return by_photo


def _of_collection(unit: Unit) -> str:
    return in_collection(collection_id(unit.spec.photos or ""))


def _faces_of(unit: Unit, keys: PackKeys) -> pa.Table:
    columns = ["photo", "face_id", "x", "y", "w", "h"]
    return unit.table(keys.faces).read(columns, where=_of_collection(unit))


def _contents(unit: Unit, keys: PackKeys) -> dict[str, str]:
    rows = unit.table(keys.photos).read(["photo", "content"], where=_of_collection(unit))
    return dict(zip(rows["photo"].to_pylist(), rows["content"].to_pylist(), strict=True))
