"""The tasks that a large reduce stage is shared out in: compare a part, join a group of cells.

Each is a pure function of one version of the archive's tables and of what was handed on to it, so
that it may be done again, late, or twice at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headcount.contract.forgotten import forgotten_people
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, SplitRecord
from workers.clustering.cluster import NEIGHBOURS
from workers.clustering.knn import (
    UNASSIGNED,
    Cells,
    Centroids,
    Edges,
    Places,
    find_in_cells,
    merge,
    place_all,
)
from workers.matching.match import Matches, match
from workers.people.gallery import load_gallery
from workers.runtime.stopwatch import Stopwatch
from workers.runtime.threads import own_threads
from workers.runtime.unit import Unit
from workers.stages.assign import rule_of
from workers.stages.exchange import hand_on, handed
from workers.tables.embeddings import Embeddings
from workers.tables.faces import DESCRIPTOR, faces_table, scan
from workers.tables.rows import stored_matrix


def split_of(unit: Unit) -> SplitRecord:
    """How the unit's stage is split."""
    return read_record(unit.store, unit.keys.split, SplitRecord)


def match_part(unit: Unit) -> DoneMarker:
    """Compare a part of the faces with the gallery, and with the pivots where there are any."""
    clock, split, part = Stopwatch(), split_of(unit), unit.number
    gallery = load_gallery(
        unit.table(unit.pack_keys.gallery).at(split.gallery_version),
        forgotten=forgotten_people(unit.store),
    )
    none = np.zeros((0, unit.record.dimensions), np.float16)
    batches = scan(unit, faces_table(unit, split), [DESCRIPTOR], split.parts[part])
    rows = np.concatenate([none, *(stored_matrix(batch.column(DESCRIPTOR)) for batch in batches)])
    clock.lap("load")
    unit.raise_if_stopped()
    matches = match(Embeddings.as_stored(rows), gallery)
    hand_on(unit.kept, unit.keys.matches(part), **matches.arrays())
    clock.lap("match")
    unit.raise_if_stopped()
    if split.groups:
        _place(unit, split, part, rows)
    clock.lap("place")
    return unit.done(**clock.report())


def _place(unit: Unit, split: SplitRecord, part: int, rows: NDArray[np.float16]) -> None:
    """Hand on to each group of cells the faces of this part that look into them."""
    number = handed(unit.store, unit.keys.numbers(part))["number"]
    pivots = Centroids(**handed(unit.store, unit.keys.centroids))
    chosen = np.flatnonzero(number != UNASSIGNED)
    with own_threads() as pool:
        placed = place_all(Embeddings(rows, chosen), pivots, pool)
    places = Places.together(placed, len(pivots))
    for group, (first, last) in enumerate(split.groups):
        unit.raise_if_stopped()
        looking, there = places.within(first, last)
        hand_on(
            unit.kept,
            unit.keys.places(part, group),
            number=number[chosen[looking]],
            embedding=rows[chosen[looking]],
            home=there.home,
            cell=there.cell,
            point=there.point,
        )


def join_group(unit: Unit) -> DoneMarker:
    """Find the neighbours in one group of cells, among the faces that every part handed on."""
    clock, split, group = Stopwatch(), split_of(unit), unit.number
    first, last = split.groups[group]
    keys = [unit.keys.places(part, group) for part in range(len(split.parts))]
    arrays = [handed(unit.store, key) for key in keys]
    placed = [Places(part["home"], part["cell"], part["point"]) for part in arrays]
    number = np.concatenate([part["number"] for part in arrays])
    stored = np.concatenate([part["descriptor"] for part in arrays])
    del arrays
    clock.lap("load")
    unit.raise_if_stopped()
    with own_threads() as pool:
        found = find_in_cells(
            Embeddings.as_stored(stored)[:],
            Cells.of(placed, last - first),
            pool,
            neighbours=NEIGHBOURS,
            threshold=rule_of(unit, split.faces).least_of_all,
            number=number,
            count=split.faces,
        )
    shelves = [np.concatenate(shelf) for shelf in zip(*found, strict=True)]
    ends = np.cumsum([len(shelf) for shelf in shelves])
    hand_on(unit.kept, unit.keys.neighbours(group), found=np.concatenate(shelves), ends=ends)
    clock.lap("join")
    return unit.done(**clock.report())


def handed_matches(unit: Unit, split: SplitRecord) -> Matches:
    """The nearest people of all faces, in the order in which they are stored."""
    keys = [unit.keys.matches(part) for part in range(len(split.parts))]
    return Matches.together([Matches(**handed(unit.store, key)) for key in keys])


def handed_edges(unit: Unit, split: SplitRecord) -> Edges:
    """The neighbour graph of the faces that are clustered."""
    found = [handed(unit.store, unit.keys.neighbours(group)) for group in range(len(split.groups))]
    shelves = [np.split(part["found"], part["ends"][:-1]) for part in found]
    with own_threads() as pool:
        return merge(shelves, neighbours=NEIGHBOURS, pool=pool)
