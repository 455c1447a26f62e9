"""The tasks that a large reduce stage is split into: compare a part, join a group of cells.

Each is a pure function of one version of the archive's tables and of arrays that other tasks wrote,
so that it may be done again, late, or twice at once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.answers.renames import Renames
from headcount.contract.columns import FACES
from headcount.contract.forgotten import forgotten_people
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, SplitRecord
from workers.clustering.assignment import assign_all
from workers.clustering.cells import UNASSIGNED, CellAssignment, Cells
from workers.clustering.centroids import Centroids
from workers.clustering.cluster import NEIGHBOURS
from workers.clustering.knn import Edges, merge_buckets, search_cells
from workers.faces.evidence import PARTS, no_weaknesses
from workers.matching.match import Matches, match
from workers.people.gallery import Gallery, load_gallery
from workers.runtime.stopwatch import Stopwatch
from workers.runtime.threads import own_threads
from workers.runtime.unit import Unit
from workers.stages.assign import linkage_rule
from workers.stages.exchange import read_arrays, write_arrays
from workers.stages.job_tables import job_tables
from workers.tables.embeddings import Embeddings, vectors_of
from workers.tables.faces import DESCRIPTOR, faces_table, scan, weaknesses_of
from workers.tables.rows import stored_matrix


def read_split(unit: Unit) -> SplitRecord:
    """The record that says how the unit's stage is split."""
    return read_record(unit.store, unit.keys.split, SplitRecord)


def match_part(unit: Unit) -> DoneMarker:
    """Compare a part of the faces with the gallery, and with the centroids of the cells, if any."""
    watch, split, part = Stopwatch(), read_split(unit), unit.number
    gallery, rows, weak = _load_part(unit, split, part)
    watch.lap("load")
    unit.raise_if_stopped()
    matches = match(Embeddings.as_stored(rows), gallery, weak)
    write_arrays(unit.fenced, unit.keys.matches(part), **matches.arrays())
    watch.lap("match")
    unit.raise_if_stopped()
    if split.groups:
        _assign_to_cells(unit, split, part, rows, weak)
    watch.lap("place")
    return unit.done(**watch.report())


def _load_part(
    unit: Unit, split: SplitRecord, part: int
) -> tuple[Gallery, NDArray[np.float16], NDArray[np.float32]]:
    """The gallery, and the part's embeddings as stored, N x D, and weaknesses, N x K."""
    tables, decade = job_tables(unit), unit.record.cosine_per_decade
    gallery = load_gallery(
        tables.gallery.at(split.gallery_version),
        forgotten=forgotten_people(unit.store),
        cosine_per_decade=decade,
        renames=Renames.from_items(split.renames),
    )
    stored = FACES.stored(unit.record.dimensions)
    columns = pa.schema([stored.field(name) for name in (DESCRIPTOR, *PARTS)])
    rows = [np.zeros((0, unit.record.dimensions), np.float16)]
    weak = [no_weaknesses(0)]
    for batch in scan(tables, faces_table(tables, split), columns, split.parts[part]):
        rows.append(stored_matrix(batch.column(DESCRIPTOR)))
        weak.append(weaknesses_of(pa.Table.from_batches([batch]), decade))
    return gallery, np.concatenate(rows), np.concatenate(weak)


def _assign_to_cells(
    unit: Unit,
    split: SplitRecord,
    part: int,
    rows: NDArray[np.float16],
    weaknesses: NDArray[np.float32],
) -> None:
    """Write for each group of cells the faces of this part that are searched in them."""
    number = read_arrays(unit.store, unit.keys.numbers(part))["number"]
    centroids = Centroids.from_arrays(read_arrays(unit.store, unit.keys.centroids))
    chosen = np.flatnonzero(number != UNASSIGNED)
    with own_threads() as pool:
        assigned = assign_all(Embeddings(rows, chosen), centroids, pool)
    cells = CellAssignment.concatenate(assigned, len(centroids))
    for group, (first, end) in enumerate(split.groups):
        unit.raise_if_stopped()
        queries, there = cells.within(first, end)
        write_arrays(
            unit.fenced,
            unit.keys.places(part, group),
            number=number[chosen[queries]],
            descriptor=rows[chosen[queries]],
            weakness=weaknesses[chosen[queries]],
            home=there.assignment,
            cell=there.cell,
            point=there.query,
        )


def join_group(unit: Unit) -> DoneMarker:
    """Find the neighbours in one group of cells, among the faces that every part has in them."""
    watch, split, group = Stopwatch(), read_split(unit), unit.number
    first, end = split.groups[group]
    assigned, number, vectors = _load_group(unit, split, group)
    watch.lap("load")
    unit.raise_if_stopped()
    with own_threads() as pool:
        found = search_cells(
            vectors,
            Cells.build(assigned, end - first),
            pool,
            neighbours=NEIGHBOURS,
            threshold=linkage_rule(unit.record, split.faces, unit.spec.purity).lowest_threshold,
            ids=number,
            count=split.faces,
        )
    buckets = [np.concatenate(bucket) for bucket in zip(*found, strict=True)]
    ends = np.cumsum([len(bucket) for bucket in buckets])
    write_arrays(unit.fenced, unit.keys.neighbours(group), found=np.concatenate(buckets), ends=ends)
    watch.lap("join")
    return unit.done(**watch.report())


def _load_group(
    unit: Unit, split: SplitRecord, group: int
) -> tuple[list[CellAssignment], NDArray[np.int32], NDArray[np.float32]]:
    """Cells, number and widened vector of each face that some part has in a group of cells.

    Where a task of an earlier build wrote a part, its faces have no weaknesses.
    """
    keys = [unit.keys.places(part, group) for part in range(len(split.parts))]
    arrays = [read_arrays(unit.store, key) for key in keys]
    assigned = [CellAssignment(part["home"], part["cell"], part["point"]) for part in arrays]
    number = np.concatenate([part["number"] for part in arrays])
    stored = np.concatenate([part["descriptor"] for part in arrays])
    weak = [part.get("weakness", no_weaknesses(len(part["number"]))) for part in arrays]
    return assigned, number, vectors_of(Embeddings.as_stored(stored), np.concatenate(weak))


def exchanged_matches(unit: Unit, split: SplitRecord) -> Matches:
    """The nearest people of all faces, in the order in which they are stored."""
    keys = [unit.keys.matches(part) for part in range(len(split.parts))]
    return Matches.concatenate([Matches.from_arrays(read_arrays(unit.store, key)) for key in keys])


def exchanged_edges(unit: Unit, split: SplitRecord) -> Edges:
    """The neighbour graph of the faces that are clustered."""
    found = [
        read_arrays(unit.store, unit.keys.neighbours(group)) for group in range(len(split.groups))
    ]
    buckets = [np.split(part["found"], part["ends"][:-1]) for part in found]
    with own_threads() as pool:
        return merge_buckets(buckets, neighbours=NEIGHBOURS, pool=pool)
