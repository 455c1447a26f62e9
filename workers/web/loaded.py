"""The latest results of one collection as arrays: what a job said of every face, row by row.

They are read in steps, so that the first screen need not wait for all of them: what was said and
the clusters first, then boxes and photos, then the embeddings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.assignments import history
from headcount.contract.columns import FACES
from headcount.contract.vocabulary import BY_HAND, Decision
from headcount.tables.filters import FILTER_VALUES, any_of
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from workers.tables.columns import (
    NONE,
    Numbers,
    factorize,
    free_unused,
    index_of,
    one_array,
)
from workers.tables.pack_tables import PackTables
from workers.tables.rows import stored_matrix

DECISIONS = tuple(Decision)
"""Decisions by their numbers in arrays."""
UNKNOWN, IGNORED, MATCHED = (
    DECISIONS.index(d) for d in (Decision.UNKNOWN, Decision.IGNORED, Decision.MATCHED)
)

AT_ONCE = 1 << 18
"""Rows that are read at a time: photos are looked up in a table that is made for each batch."""
_MEASURED = ("quality", "sharpness", "outside")
_PLACES = ("photo", "face_id", "x", "y", "w", "h", *_MEASURED, "usable", "pass")
_FRAMES = ("photo", "width", "height", "orientation")

Codes = NDArray[np.int32]
Keys = NDArray[np.uint64]
"""Numbers in the place of texts: equal texts have equal ones, and others hardly ever."""
_ODD = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
"""Odd numbers whose bits are spread: products with them hardly ever meet."""
_KEYED = 24
"""Bytes of an id that its key goes by: all that ids have."""


@dataclass(frozen=True)
class Said:
    """What the latest job said of N faces; rows are those of its assignments.

    ``photo``, ``person`` and ``cluster`` (N) are numbers of ``photos``, ``people`` and
    ``clusters``, NONE where there is none; ``decision`` (N) is a number of DECISIONS.
    """

    job_id: str
    face_ids: pa.Array
    photo: Codes
    photos: pa.Array
    decision: NDArray[np.uint8]
    person: Codes
    people: tuple[tuple[str, str], ...]
    """Id and name of each."""
    cluster: Codes
    clusters: pa.Array

    def __len__(self) -> int:
        return len(self.photo)

    @cached_property
    def members(self) -> tuple[Numbers, Numbers]:
        """Rows sorted by cluster, and the place at which each cluster's begin; those of none go."""
        return grouped(self.cluster, len(self.clusters))

    @cached_property
    def by_photo(self) -> tuple[Numbers, Numbers]:
        """Rows sorted by photo, and the place at which each photo's begin."""
        return grouped(self.photo, len(self.photos))

    @cached_property
    def _by_id(self) -> tuple[Keys, Codes]:
        """Keys of the ids, sorted, and the row of each."""
        return _in_order(id_keys(self.face_ids))

    def prepare(self) -> None:
        """Make now what a first look-up would have to wait for."""
        _ = self._by_id, self.members, self.by_photo

    def rows_by_id(self, face_ids: Iterable[str]) -> dict[str, Numbers]:
        """All rows of each of these faces that is here: a photo's copies have the same ids."""
        wanted = pa.array(sorted(set(face_ids)), pa.string())
        if not len(wanted):
            return {}
        if "_by_id" in self.__dict__:
            rows = runs_of(*self._by_id, id_keys(wanted))
        else:  # before it is there one pass is quicker
            rows = np.flatnonzero(pc.is_in(self.face_ids, value_set=wanted).to_numpy(False))
        found: defaultdict[str, list[int]] = defaultdict(list)
        ids = self.face_ids.take(pa.array(rows)).to_pylist()
        for row, face in zip(rows.tolist(), ids, strict=True):
            found[face].append(row)
        known = set(wanted.to_pylist())
        return {face: np.array(some, np.int64) for face, some in found.items() if face in known}

    def rows_of(self, face_ids: Iterable[str]) -> Numbers:
        """All rows of these faces."""
        return joined(self.rows_by_id(face_ids).values())


def joined(rows: Iterable[Numbers]) -> Numbers:
    """Rows in one array."""
    return np.concatenate([np.zeros(0, np.int64), *rows])


def grouped(codes: Codes, groups: int) -> tuple[Numbers, Numbers]:
    """Rows sorted by their code, those of NONE left out, and where each of the groups begins."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(groups + 1))
    return order.astype(np.int32), starts


def read_said(tables: PackTables, job_id: str) -> Said:
    """Read what a job said of the collection's faces."""
    rows = history.read_assignments(tables.store, tables.keys, tables.collection, job_id)
    photo, photos = factorize(rows["photo"])
    person, people = factorize(rows["person_id"])
    cluster, clusters = factorize(rows["cluster_id"])
    names = _names(rows, person, len(people))
    numbers = index_of(rows["decision"], pa.array([str(d) for d in DECISIONS], pa.string()))
    said = Said(
        job_id,
        one_array(rows["face_id"]),
        photo.astype(np.int32),
        photos,
        np.where(numbers == NONE, UNKNOWN, numbers).astype(np.uint8),
        person.astype(np.int32),
        tuple(zip(people.to_pylist(), names, strict=True)),
        cluster.astype(np.int32),
        clusters,
    )
    del rows
    free_unused()
    return said


def _names(rows: pa.Table, person: Numbers, count: int) -> list[str]:
    """The name of each person, as in the last row that has it."""
    last = np.zeros(count, np.int64)
    at = np.flatnonzero(person != NONE)
    last[person[at]] = at
    return [name or "" for name in rows["person"].take(pa.array(last)).to_pylist()]


@dataclass(frozen=True)
class Places:
    """Boxes (N x 4, pixels of the upright photo), qualities and photos of the same N faces.

    ``there`` tells those that are in the table of faces: a photo may be gone since. ``sharpness``
    and ``outside`` are NaN where an earlier build did not measure them.
    """

    boxes: NDArray[np.float32]
    quality: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    outside: NDArray[np.float32]
    there: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    by_hand: NDArray[np.bool_]

    @classmethod
    def empty(cls, count: int) -> Places:
        """Places that are not read yet."""
        none = [np.zeros(count, bool) for _ in range(3)]
        boxes, quality = np.zeros((count, 4), np.float32), np.zeros(count, np.float32)
        unmeasured = np.full(count, np.nan, np.float32)
        return cls(boxes, quality, unmeasured, unmeasured.copy(), *none)

    def fill(self, at: Numbers, rows: pa.Table) -> None:
        """Put rows of the table of faces where they belong; ``at`` (rows), NONE: nowhere."""
        mine = np.flatnonzero(at != NONE)
        to = at[mine]
        rows = rows.take(pa.array(mine))
        for column, name in enumerate("xywh"):
            self.boxes[to, column] = rows[name].to_numpy()
        for name in _MEASURED:
            getattr(self, name)[to] = rows[name].to_numpy()
        self.there[to] = True
        self.usable[to] = _flags(pc.fill_null(rows["usable"], False))
        self.by_hand[to] = _flags(pc.fill_null(pc.equal(rows["pass"], BY_HAND), False))


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(one_array(column).to_numpy(zero_copy_only=False), bool)


def id_keys(ids: pa.Array) -> Keys:
    """The keys of ids."""
    words = _fixed(ids).view(np.uint64).reshape(len(ids), _KEYED // 8)
    keys = np.zeros(len(ids), np.uint64)
    for column, odd in enumerate(_ODD[: words.shape[1]]):
        keys += (words[:, column] ^ (words[:, column] >> np.uint64(29))) * np.uint64(odd)
    return keys ^ (keys >> np.uint64(32))


def _fixed(ids: pa.Array) -> NDArray[np.uint8]:
    """The first _KEYED bytes of texts, N x _KEYED; 0 where a text is shorter."""
    _, offsets, data = ids.buffers()
    at = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if len(ids) and data is not None and bool(np.all(np.diff(at) == _KEYED)):
        whole = np.frombuffer(data, np.uint8)[at[0] : at[-1]]
        return np.ascontiguousarray(whole.reshape(-1, _KEYED))
    texts = [(text or "").encode()[:_KEYED].ljust(_KEYED, b"\0") for text in ids.to_pylist()]
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, _KEYED)


def _in_order(keys: Keys) -> tuple[Keys, Codes]:
    order = np.argsort(keys, kind="stable").astype(np.int32)
    return keys[order], order


def runs_of(keys: Keys, order: Codes, wanted: Keys) -> Numbers:
    """The rows whose keys are among those wanted."""
    low, high = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
    runs = zip(low.tolist(), high.tolist(), strict=True)
    return joined(order[a:b].astype(np.int64) for a, b in runs if b > a)


class Joiner:
    """Finds the rows of faces by photo and id, for the table of faces in its order.

    What was found is kept: a second pass over the same version has the same order.
    """

    def __init__(self, said: Said) -> None:
        self._said = said
        mixed = id_keys(said.face_ids) ^ _photo_keys(said.photo)
        self._keys, self._order = _in_order(mixed)
        self._found: list[Numbers] = []

    def rows_of(self, batch: pa.Table) -> Numbers:
        """The row of each face of the next batch; NONE where the job said nothing of it."""
        photo = index_of(batch["photo"], self._said.photos)
        ids = one_array(batch["face_id"])
        keys = id_keys(ids) ^ _photo_keys(photo)
        at = np.searchsorted(self._keys, keys)
        rows = self._order[np.minimum(at, len(self._order) - 1)] if len(self._order) else at * 0
        same = pc.equal(self._said.face_ids.take(pa.array(rows)), ids)
        right = np.asarray(same.to_numpy(zero_copy_only=False), bool)
        found = np.where(right & (photo == self._said.photo[rows]), rows, NONE).astype(np.int64)
        self._found.append(found.astype(np.int32))
        return found

    def all(self) -> Codes:
        """The rows of all faces of the table, in its order."""
        return np.concatenate(self._found) if self._found else np.zeros(0, np.int32)


def _photo_keys(photos: NDArray[np.integer[Any]]) -> Keys:
    return photos.astype(np.uint64) * np.uint64(_ODD[3])


def read_places(table: Table, where: str, said: Said) -> tuple[Places, Codes]:
    """Read the boxes of all faces; also gives the row of each face of the table, in its order."""
    places, joiner = Places.empty(len(said)), Joiner(said)
    schema = _schema(_PLACES)
    for found in table.scan(schema, where=where, batch_rows=AT_ONCE) if len(said) else ():
        batch = pa.Table.from_batches([found], schema=schema)
        places.fill(joiner.rows_of(batch), batch)
    free_unused()
    return places, joiner.all()


def read_some_places(tables: PackTables, said: Said, places: Places, rows: Numbers) -> None:
    """Read the boxes of a few faces, before all are read."""
    missing = rows[~places.there[rows]][:FILTER_VALUES]
    if not len(missing):
        return
    ids = said.face_ids.take(pa.array(missing)).to_pylist()
    where = f"{tables.of_collection} AND {any_of('face_id', sorted(set(ids)))}"
    found = pa.Table.from_batches(
        [*tables.faces.scan(_schema(_PLACES), where=where)], schema=_schema(_PLACES)
    )
    key = {
        (said.photos[int(said.photo[row])].as_py(), face): row
        for row, face in zip(missing.tolist(), ids, strict=True)
    }
    pairs = zip(found["photo"].to_pylist(), found["face_id"].to_pylist(), strict=True)
    places.fill(np.array([key.get(pair, NONE) for pair in pairs], np.int64), found)


def read_frames(tables: PackTables, said: Said) -> NDArray[np.int32]:
    """Read width, height and orientation (P x 3) of the photos that have faces; 0: not known."""
    sizes = np.zeros((len(said.photos), len(_FRAMES) - 1), np.int32)
    schema = pa.schema([PHOTOS.field(name) for name in _FRAMES])
    for found in tables.photos.scan(schema, where=tables.of_collection, batch_rows=AT_ONCE):
        batch = pa.Table.from_batches([found])
        at = index_of(batch["photo"], said.photos)
        mine = np.flatnonzero(at != NONE)
        rows = batch.take(pa.array(mine))
        for column, name in enumerate(_FRAMES[1:]):
            sizes[at[mine], column] = pc.fill_null(rows[name], 0).to_numpy()
    return sizes


def read_embeddings(
    table: Table, where: str, at: Codes, shape: tuple[int, int]
) -> NDArray[np.float16]:
    """Read the embeddings of all faces, N x D as they are stored; 0 where there is none.

    ``at`` is the row of each face of the table, in its order.
    """
    found, start = np.zeros(shape, np.float16), 0
    column = pa.schema([FACES.stored(shape[1]).field("descriptor")])
    for batch in table.scan(column, where=where) if len(at) else ():
        to = at[start : start + batch.num_rows]
        start += batch.num_rows
        mine = to != NONE
        found[to[mine]] = stored_matrix(batch["descriptor"])[mine]
    free_unused()
    return found


def _schema(columns: Sequence[str]) -> pa.Schema:
    stored = FACES.stored()
    return pa.schema([stored.field(name) for name in columns])
