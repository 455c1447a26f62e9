"""The latest results of one collection as arrays: what a job said of every face, row by row.

They are read in steps, so that the first screen need not wait for all of them: what was said and
the clusters first, then boxes and photos, then the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.assignments import history
from headcount.contract.columns import FACES
from headcount.contract.stored.archive import PackRecord
from headcount.contract.vocabulary import BY_HAND, Decision
from headcount.tables.filters import FILTER_VALUES, any_of
from headcount.tables.schemas import PHOTOS
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

_PLACES = ("photo", "face_id", "x", "y", "w", "h", "quality", "usable", "pass")
_FRAMES = ("photo", "content", "width", "height", "orientation")

Codes = NDArray[np.int32]
Ids = NDArray[np.bytes_]
"""Ids of faces, sorted, as bytes of one length."""


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
    def _sorted_ids(self) -> tuple[Ids, Codes]:
        """The ids sorted, and the row of each."""
        ids = self.face_ids.cast(pa.binary()).to_numpy(zero_copy_only=False).astype(np.bytes_)
        order = np.argsort(ids, kind="stable").astype(np.int32)
        return ids[order], order

    def prepare(self) -> None:
        """Make now what a first look-up would have to wait for."""
        _ = self._sorted_ids, self.members, self.by_photo

    def rows_of(self, face_ids: Sequence[str]) -> Numbers:
        """All rows of these faces: a photo's copies have the same ids."""
        if not face_ids:
            return np.zeros(0, np.int64)
        if "_sorted_ids" not in self.__dict__:  # before it is there: one pass is quicker
            wanted = pa.array(sorted(set(face_ids)), pa.string())
            return np.flatnonzero(pc.is_in(self.face_ids, value_set=wanted).to_numpy(False))
        ids, order = self._sorted_ids
        wanted_ids = np.unique(np.array([_bytes(one) for one in face_ids], np.bytes_))
        low = np.searchsorted(ids, wanted_ids, "left")
        high = np.searchsorted(ids, wanted_ids, "right")
        runs = [order[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True) if b > a]
        return np.concatenate(runs).astype(np.int64) if runs else np.zeros(0, np.int64)


def _bytes(face_id: str) -> bytes:
    return face_id.encode("utf-8", "replace")


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

    ``there`` tells those that are in the table of faces: a photo may be gone since.
    """

    boxes: NDArray[np.float32]
    quality: NDArray[np.float32]
    there: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    by_hand: NDArray[np.bool_]

    @classmethod
    def empty(cls, count: int) -> Places:
        """Places that are not read yet."""
        none = [np.zeros(count, bool) for _ in range(3)]
        return cls(np.zeros((count, 4), np.float32), np.zeros(count, np.float32), *none)

    def fill(self, at: Numbers, rows: pa.Table) -> None:
        """Put rows of the table of faces where they belong; ``at`` (rows), NONE: nowhere."""
        mine = np.flatnonzero(at != NONE)
        to = at[mine]
        rows = rows.take(pa.array(mine))
        for column, name in enumerate("xywh"):
            self.boxes[to, column] = rows[name].to_numpy()
        self.quality[to] = rows["quality"].to_numpy()
        self.there[to] = True
        self.usable[to] = _flags(pc.fill_null(rows["usable"], False))
        self.by_hand[to] = _flags(pc.fill_null(pc.equal(rows["pass"], BY_HAND), False))


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(one_array(column).to_numpy(zero_copy_only=False), bool)


@dataclass(frozen=True)
class Frames:
    """Width, height and orientation (P x 3) and contents of the P photos; 0: not known."""

    sizes: NDArray[np.int32]
    contents: pa.Array


class Joiner:
    """Finds the rows of faces by photo and id, for batches of the table of faces.

    The table has a collection's faces mostly in the order of the assignments, or in runs of it.
    """

    def __init__(self, said: Said) -> None:
        self._said = said

    def rows_of(self, batch: pa.Table) -> Numbers:
        """The row of each face of a batch; NONE where the job said nothing of it."""
        said = self._said
        at = index_of(batch["photo"], said.photos)
        order, starts = said.by_photo
        found = np.full(len(at), NONE, np.int64)
        ids = batch["face_id"].to_numpy(zero_copy_only=False)
        mine = np.flatnonzero(at != NONE)
        first = starts[at[mine]]
        count = starts[at[mine] + 1] - first
        for step in range(int(count.max(initial=0))):
            left = mine[(count > step) & (found[mine] == NONE)]
            if not len(left):
                break
            rows = order[starts[at[left]] + step]
            same = pc.equal(
                said.face_ids.take(pa.array(rows)), pa.array(ids[left], pa.string())
            ).to_numpy(zero_copy_only=False)
            found[left[same]] = rows[same]
        return found


def read_places(tables: PackTables, said: Said) -> Places:
    """Read the boxes of all faces."""
    places, joiner = Places.empty(len(said)), Joiner(said)
    for batch in _scan(tables, _PLACES):
        places.fill(joiner.rows_of(batch), batch)
    free_unused()
    return places


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


def read_frames(tables: PackTables, said: Said) -> Frames:
    """Read sizes, turns and contents of the photos that have faces."""
    count = len(said.photos)
    sizes = np.zeros((count, 3), np.int32)
    parts, places = [pa.array([], pa.string())], [np.zeros(0, np.int64)]
    schema = pa.schema([PHOTOS.field(name) for name in _FRAMES])
    for found in tables.photos.scan(schema, where=tables.of_collection):
        batch = pa.Table.from_batches([found])
        at = index_of(batch["photo"], said.photos)
        mine = np.flatnonzero(at != NONE)
        rows = batch.take(pa.array(mine))
        for column, name in enumerate(_FRAMES[2:]):
            sizes[at[mine], column] = pc.fill_null(rows[name], 0).to_numpy()
        parts.append(one_array(rows["content"]))
        places.append(at[mine])
    where = np.full(count, NONE, np.int64)
    where[np.concatenate(places)] = np.arange(sum(map(len, places)))
    contents = pa.concat_arrays(parts).take(pa.array(where, mask=where == NONE))
    return Frames(sizes, contents)


def read_embeddings(tables: PackTables, said: Said, record: PackRecord) -> NDArray[np.float16]:
    """Read the embeddings of all faces, N x D as they are stored; 0 where there is none."""
    found = np.zeros((len(said), record.dimensions), np.float16)
    joiner = Joiner(said)
    columns = pa.schema(
        [*_schema(("photo", "face_id")), FACES.stored(record.dimensions).field("descriptor")]
    )
    for batch in tables.faces.scan(columns, where=tables.of_collection):
        rows = pa.Table.from_batches([batch])
        at = joiner.rows_of(rows)
        mine = at != NONE
        found[at[mine]] = stored_matrix(rows["descriptor"])[mine]
    free_unused()
    return found


def _scan(tables: PackTables, columns: Sequence[str]) -> Iterator[pa.Table]:
    schema = _schema(columns)
    for batch in tables.faces.scan(schema, where=tables.of_collection):
        yield pa.Table.from_batches([batch], schema=schema)


def _schema(columns: Sequence[str]) -> pa.Schema:
    stored = FACES.stored()
    return pa.schema([stored.field(name) for name in columns])
