"""Photos whose bytes are the same in two tables: an earlier version and now, or two packs'."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.frames import Frame, moved_box
from headcount.contract.layout import JobKeys
from headcount.contract.reading import FIRST
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.tables.filters import quoted
from workers.tables.columns import NONE, as_bool, index_of, one_array
from workers.tables.pack_tables import PackTables
from workers.tables.photos import known_readings, read_photos

PHOTO_COLUMNS = (
    *("photo", "etag", "bytes", "content"),
    *("width", "height", "orientation", "reading"),
)
EARLIER = "earlier_"
"""The prefix of the columns of the earlier table, or of the other pack's."""
FRAME = ("width", "height", "orientation")


def unchanged_photos(tables: PackTables, commit: CommitRecord | None, photos: pa.Array) -> pa.Table:
    """Rows of those ``photos`` that are the same as in the version that a job committed.

    Empty where that version is gone: nobody knows then.
    """
    now = read_photos(tables, PHOTO_COLUMNS, photos)
    if commit is None or not tables.photos.has(commit.photos):
        return same_photos(now.slice(0, 0), now)
    before = tables.photos.at(commit.photos)
    return same_photos(read_photos(tables, PHOTO_COLUMNS, photos, table=before), now)


def reread_photos(tables: PackTables, job_id: str, last: str | None) -> pa.Table:
    """Photos that a job read anew by a newer reading: ``photo``, ``earlier_reading``, ``reading``.

    Those whose bytes are the same as in the version that ``last``, the job before it, committed.
    """
    newer = f"job_id = {quoted(job_id)} AND reading > {FIRST}"
    mine = tables.photos.read(["photo"], where=f"{tables.of_collection} AND {newer}")
    commit = None
    if last is not None and mine.num_rows:
        commit = find_record(tables.store, JobKeys(last).commit, CommitRecord)
    photos = unchanged_photos(tables, commit, one_array(mine["photo"]))
    older = pc.less(photos[f"{EARLIER}reading"], photos["reading"])
    return photos.filter(older).select(["photo", f"{EARLIER}reading", "reading"])


def same_photos(before: pa.Table, now: pa.Table) -> pa.Table:
    """Rows of photos with the same bytes in both tables, with the columns of both.

    Those of the earlier table begin with EARLIER. Bytes are known by their SHA-256; where one was
    not fetched, by etag and size.
    """
    at = index_of(now["photo"], before["photo"])
    both = now.filter(pa.array(at != NONE))
    for name in PHOTO_COLUMNS[1:]:
        column = before[name].take(pa.array(at[at != NONE]))
        both = both.append_column(EARLIER + name, column)
    for name in ("reading", EARLIER + "reading"):
        place = both.schema.get_field_index(name)
        both = both.set_column(place, name, known_readings(both[name]))
    return both.filter(pa.array(_same_bytes(both)))


def _same_bytes(both: pa.Table) -> NDArray[np.bool_]:
    def equal(name: str) -> NDArray[np.bool_]:
        return as_bool(pc.equal(both[name], both[EARLIER + name]))

    unknown = as_bool(pc.equal(both["content"], "")) | as_bool(
        pc.equal(both[EARLIER + "content"], "")
    )
    return np.where(unknown, equal("etag") & equal("bytes"), equal("content"))


def in_other_frames(photos: pa.Table) -> pa.Table:
    """Those of the ``photos`` (rows of same_photos) that are turned or sized otherwise now."""
    if not photos.num_rows:
        return photos
    differs = [pc.not_equal(photos[name], photos[EARLIER + name]) for name in FRAME]
    return photos.filter(pc.or_(pc.or_(differs[0], differs[1]), differs[2]))


def in_present_frames(faces: pa.Table, photos: pa.Table) -> pa.Table:
    """Earlier faces with their boxes as the ``photos`` (rows of same_photos) are turned now."""
    turned = in_other_frames(photos)
    at = index_of(faces["photo"], turned["photo"])
    inside = np.flatnonzero(at != NONE)
    if not len(inside):
        return faces
    boxes = np.stack([faces[c].to_numpy() for c in "xywh"], axis=1).astype(np.float32)
    before, after = (_frames(turned, prefix) for prefix in (EARLIER, ""))
    for row in inside.tolist():
        x, y, w, h = boxes[row].tolist()
        boxes[row] = moved_box((x, y, w, h), before[at[row]], after[at[row]])
    for number, name in enumerate("xywh"):
        place = faces.schema.get_field_index(name)
        column = pa.array(np.ascontiguousarray(boxes[:, number]))
        faces = faces.set_column(place, faces.schema.field(place), column)
    return faces


def _frames(photos: pa.Table, prefix: str) -> list[Frame]:
    columns = (photos[prefix + name].to_pylist() for name in FRAME)
    return [Frame(*values) for values in zip(*columns, strict=True)]
