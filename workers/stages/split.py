"""The first task of a large reduce stage: settle what the others go by, and share the faces out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.contract.record import find_record
from headcount.contract.stored.jobs import DoneMarker, SplitRecord
from headcount.tables.table import Table
from workers.clustering.knn import EXACT_LIMIT, UNASSIGNED, Centroids, sample_size, shuffle
from workers.identity.apply_answers import enrol_named, load_decisions
from workers.identity.inherit import inherit_names
from workers.identity.remap import find_restated, restate_decisions
from workers.runtime.stopwatch import Stopwatch
from workers.runtime.threads import own_threads
from workers.runtime.unit import Unit
from workers.stages.assign import to_cluster
from workers.stages.exchange import hand_on
from workers.stages.split_tasks import split_of
from workers.tables.columns import Numbers
from workers.tables.embeddings import Embeddings
from workers.tables.faces import DESCRIPTOR, empty, faces_table, in_order, own_copy, scan
from workers.tables.rows import stored_matrix

COLUMNS = ("photo", "face_id", "x", "y", "w", "h", "quality", "usable")

Parts = tuple[tuple[int, ...], ...]
"""The fragments of each part of a table."""


def gather_faces(unit: Unit) -> DoneMarker:
    """Bring the gallery up to date, and write how the stage is split.

    That is: the parts of the table of faces, which rows of each are to be clustered, and the pivots
    that cut those into cells, unless they are so few that every pair is compared. Of embeddings
    it holds the pivots' sample, twice.

    Whoever writes ``split.json`` first settles it. One that is begun again, or comes second, works
    by the versions of the tables and the parts that are in there, and so writes the same bytes.
    """
    unit.grow_tables()
    done = _gather_by(unit, find_record(unit.store, unit.keys.split, SplitRecord))
    while done is None:  # another was first
        done = _gather_by(unit, split_of(unit))
    return done


def _gather_by(unit: Unit, settled: SplitRecord | None) -> DoneMarker | None:
    """Gather as was settled, or settle it; None where another one settled it meanwhile."""
    clock = Stopwatch()
    latest = faces_table(unit, settled)
    version = settled.faces_version if settled else latest.version
    table = latest.at(version)
    most = unit.context.settings.reduce_faces
    parts = settled.parts if settled else parts_of(table.fragments(), most)
    gathered = _gather(unit, table, parts)
    if settled is None:
        _bring_up_to_date(unit, gathered.faces, _Fetched(unit, table, parts, gathered.order))
    clock.lap("load")
    rows, face_ids = to_cluster(gathered.faces)
    chosen = gathered.order[rows]
    pivots = _pivots(unit, table, parts, gathered.mixed, chosen)
    split = settled or SplitRecord(
        faces_version=version,
        gallery_version=unit.table(unit.pack_keys.gallery).version,
        parts=parts,
        faces=len(face_ids),
        groups=_groups(pivots, len(parts)),
    )
    if settled is None and not unit.kept.put_new(unit.keys.split, split.to_bytes()):
        return None
    _hand_on_numbers(unit, gathered, chosen)
    if pivots is not None:
        hand_on(unit.kept, unit.keys.centroids, **pivots.arrays())
    clock.lap("cut")
    return unit.done(**clock.report(), counts={"parts": len(parts), "groups": len(split.groups)})


def _bring_up_to_date(unit: Unit, faces: pa.Table, embeddings: _Fetched) -> None:
    """Take into the gallery what people decided about these faces."""
    restate_decisions(unit, faces, find_restated(unit, faces, embeddings))
    decided = load_decisions(unit, faces)
    enrol_named(unit, faces, embeddings, decided)
    inherit_names(unit, faces, embeddings, decided)


def parts_of(fragments: Mapping[int, int], most: int) -> Parts:
    """Fragments, of which the rows are given, in parts of at most ``most`` rows or one fragment."""
    parts: list[list[int]] = []
    held = most
    for fragment, rows in fragments.items():
        if held + rows > most or not parts:
            parts.append([])
            held = 0
        parts[-1].append(fragment)
        held += rows
    return tuple(tuple(part) for part in parts)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The collection's N faces, sorted; ``order`` (N) says which row each was, part after part.

    ``mixed`` (N) are the numbers of the rows by which a sample is drawn; ``counts`` the rows of
    each part.
    """

    faces: pa.Table
    order: Numbers
    mixed: NDArray[np.uint64]
    counts: list[int]


def _gather(unit: Unit, table: Table, parts: Parts) -> _Gathered:
    tables, mixed, counts = [empty(COLUMNS)], [np.zeros(0, np.uint64)], []
    for part in parts:
        counts.append(0)
        for batch in scan(unit, table, [*COLUMNS, DESCRIPTOR], part):
            unit.raise_if_stopped()
            tables.append(own_copy(batch, COLUMNS))
            mixed.append(shuffle(_descriptors(batch)))
            counts[-1] += batch.num_rows
    faces, order = in_order(pa.concat_tables(tables))
    return _Gathered(faces, order, np.concatenate(mixed), counts)


def _descriptors(batch: pa.RecordBatch) -> NDArray[np.float32]:
    return Embeddings.as_stored(stored_matrix(batch.column(DESCRIPTOR)))[:]


def _hand_on_numbers(unit: Unit, gathered: _Gathered, chosen: Numbers) -> None:
    """Tell of each row of each part which face it is among those that are clustered."""
    numbers = np.full(len(gathered.order), UNASSIGNED, np.int32)
    numbers[chosen] = np.arange(len(chosen))
    for part, number in enumerate(np.split(numbers, np.cumsum(gathered.counts)[:-1])):
        hand_on(unit.kept, unit.keys.numbers(part), number=number)


def _pivots(
    unit: Unit, table: Table, parts: Parts, mixed: NDArray[np.uint64], chosen: Numbers
) -> Centroids | None:
    """The pivots of the chosen rows; None where these are so few that every pair is compared."""
    if len(chosen) <= EXACT_LIMIT:
        return None
    seen, drawn = sample_size(len(chosen))
    rows = chosen[np.argsort(mixed[chosen], kind="stable")[:drawn]]
    with own_threads() as pool:
        return Centroids.of(_Fetched(unit, table, parts)[rows], seen, pool)


def _groups(pivots: Centroids | None, count: int) -> tuple[tuple[int, int], ...]:
    """The cells of each group; none without pivots."""
    if pivots is None:
        return ()
    ends = np.linspace(0, len(pivots), count + 1).astype(int).tolist()
    return tuple(pairwise(ends))


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Some embeddings of the collection, read in one scan when they are asked for.

    By row, part after part; or by a place in ``order``, which says the row.
    """

    unit: Unit
    table: Table
    parts: Parts
    order: Numbers | None = None

    def __getitem__(self, where: Numbers) -> NDArray[np.float32]:
        wanted = where if self.order is None else self.order[where]
        order = np.argsort(wanted, kind="stable")
        rows = wanted[order]
        found, start = np.empty((len(rows), self.unit.record.dimensions), np.float32), 0
        fragments = [number for part in self.parts for number in part]
        for batch in scan(self.unit, self.table, [DESCRIPTOR], fragments):
            low, high = np.searchsorted(rows, [start, start + batch.num_rows])
            found[order[low:high]] = _descriptors(batch)[rows[low:high] - start]
            start += batch.num_rows
        return found
