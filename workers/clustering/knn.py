"""The neighbour graph of faces, made cell by cell.

A point looks for neighbours among the members of the cells that it probes. The search of a cell is
one matrix product, independent of every other cell, so that groups of cells can be shared out.
Cells are made of embeddings alone; neighbours go by the evidence (workers/faces/evidence.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.clustering.assignment import make_cells
from workers.clustering.cells import Cells, exhaustive_cells
from workers.clustering.pair_keys import NO_KEYS, Keys, buckets, each_once, higher, keyed, lower
from workers.clustering.products import NO_HITS, BlockProducts, Hits, concatenate_hits
from workers.faces.evidence import KINDS, opposed
from workers.runtime.threads import ordered_map, own_threads

EXACT_LIMIT = 20_000
"""Up to so many vectors every pair is compared; above, only points and cells that they probe."""
GROUPS = 64
"""Groups of cells, the units of work."""
BUCKET_BITS = 12
"""Hits are sorted in buckets of 2 ** BUCKET_BITS queries."""
EDGE_PARTS = 64
"""Edges are sorted in so many parts, by the first vector of each."""

Buckets = list[NDArray[np.uint64]]
"""Hits as one number each, in buckets of queries: see bucket_by_query."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of vectors, each once, in order."""

    keys: Keys

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def first(self) -> NDArray[np.int32]:
        """The lower vector of each pair."""
        return lower(self.keys)

    @property
    def second(self) -> NDArray[np.int32]:
        """The higher vector of each pair."""
        return higher(self.keys)

    def among(self, kept: NDArray[np.bool_]) -> Edges:
        """The pairs of two kept vectors, which are numbered anew."""
        both = self.keys[kept[self.first] & kept[self.second]]
        number = np.cumsum(kept) - 1
        return Edges(keyed(number[lower(both)], number[higher(both)]))


def knn_graph(
    vectors: NDArray[np.float32],
    *,
    neighbours: int,
    threshold: float,
    exact_limit: int = EXACT_LIMIT,
) -> Edges:
    """Pairs of evidence >= ``threshold``, from each vector's ``neighbours`` nearest.

    ``vectors`` is N x (D + K): embeddings of unit length, widened by weaknesses. Exact up to
    ``exact_limit``; above it each point probes PROBES cells on average. Memory beside ``vectors``
    is some 24 bytes per hit and per probed cell of a point, and BLOCK products per thread.
    """
    exact, embeddings = len(vectors) <= exact_limit, vectors[:, : -len(KINDS)]
    with own_threads() as pool:
        cells = exhaustive_cells(len(vectors)) if exact else make_cells(embeddings, pool)
        found = search_cells(vectors, cells, pool, neighbours=neighbours, threshold=threshold)
        return merge_buckets(found, neighbours=neighbours, pool=pool)


def search_cells(
    vectors: NDArray[np.float32],
    cells: Cells,
    pool: Executor,
    *,
    neighbours: int,
    threshold: float,
    ids: NDArray[np.int32] | None = None,
    count: int | None = None,
) -> list[Buckets]:
    """Search all cells, group by group; the buckets of each group.

    Where the points are but some of ``count``, ``ids`` says which.
    """

    def search(group: NDArray[np.int64]) -> Buckets:
        found = search_group(
            vectors, cells, group, neighbours=neighbours, threshold=threshold, ids=ids
        )
        return bucket_by_query(found, len(vectors) if count is None else count)

    groups = np.array_split(np.arange(len(cells)), max(1, min(len(cells), GROUPS)))
    return list(ordered_map(pool, search, groups, ahead=len(groups)))


def search_group(
    vectors: NDArray[np.float32],
    cells: Cells,
    group: Iterable[int],
    *,
    neighbours: int,
    threshold: float,
    ids: NDArray[np.int32] | None = None,
) -> Hits:
    """Search a group of cells: query, neighbour and evidence of each hit.

    A query gets about ``neighbours`` members of each cell of evidence >= ``threshold``. Points
    without ``ids`` go by their row.
    """
    parts, products = [NO_HITS], BlockProducts(vectors)
    for cell in group:
        inside = cells.members_of(cell)
        members = inside if ids is None else ids[inside]
        against = opposed(vectors[inside])
        for rows, found in products.blocks(cells.queries_of(cell), against):
            at = _top_k(found, neighbours + 1, threshold, members)
            row, column = np.divmod(at, len(inside))
            one, other = (rows if ids is None else ids[rows])[row], members[column]
            distinct = one != other
            parts.append((one[distinct], other[distinct], found.ravel()[at[distinct]]))
    return concatenate_hits(parts)


def _top_k(
    found: NDArray[np.float32], count: int, threshold: float, members: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Flat indices of each row's ``count`` largest products at or above the threshold.

    Ties with the least of them are included, at most ``count`` of them: those of the lowest
    ``members``, which are all that a merge takes. One photo may be there ten thousand times.
    """
    kept = found >= threshold
    if found.shape[1] > count:
        crowded = np.flatnonzero(kept.sum(axis=1, dtype=np.uint32) > count)
        those = found[crowded]
        least = np.partition(those, -count, axis=1)[:, -count, None]
        chosen = those >= least
        for row in np.flatnonzero(chosen.sum(axis=1, dtype=np.uint32) > 2 * count).tolist():
            tied = np.flatnonzero(those[row] == least[row])
            chosen[row, tied[np.argsort(members[tied])[count:]]] = False
        kept[crowded] = chosen
    return np.flatnonzero(kept)


def bucket_by_query(found: Hits, count: int) -> Buckets:
    """Pack each hit among ``count`` points into one number, in buckets of queries.

    Sorted, the numbers of a bucket go by query, then by evidence from the highest, then by
    neighbour.
    """
    query, neighbour, evidence = found
    bucket = (query >> BUCKET_BITS).astype(np.uint16)
    distance = np.clip((1 - evidence) * (1 << 19), 0, (1 << 20) - 1).astype(np.uint64)
    key = (query & ((1 << BUCKET_BITS) - 1)).astype(np.uint64) << np.uint64(52)
    key |= distance << np.uint64(32)
    key |= neighbour.astype(np.uint64)
    ends = np.cumsum(np.bincount(bucket, minlength=(count >> BUCKET_BITS) + 1))
    return np.split(key[np.argsort(bucket, kind="stable")], ends[:-1])


def merge_buckets(found: Sequence[Buckets], *, neighbours: int, pool: Executor) -> Edges:
    """Merge the hits of all groups into edges: each query's nearest over all cells."""
    if not found:
        return Edges(NO_KEYS)

    def nearest(bucket: int) -> Keys:
        key = np.concatenate([group[bucket] for group in found])
        key.sort()
        query = (key >> np.uint64(52)).astype(np.int64)
        begin = np.append(0, np.cumsum(np.bincount(query)))
        kept = np.arange(len(key)) - begin[query] < neighbours
        neighbour = (key[kept] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        return each_once(keyed(query[kept] + (bucket << BUCKET_BITS), neighbour))

    parts = list(pool.map(nearest, range(len(found[0]))))
    sliced = buckets(parts, len(found[0]) << BUCKET_BITS, EDGE_PARTS)
    return Edges(np.concatenate(list(pool.map(lambda part: each_once(*part), sliced))))
