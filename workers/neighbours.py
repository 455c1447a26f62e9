"""Nearest neighbours among descriptors, by joining cells: the one door to faiss.

Pivots cut the descriptors into small cells. A point is a member of the cell of its nearest pivot
and looks for neighbours in the cells of all pivots that are nearly as near: a few for a face amid
many of one person, dozens for one that is far from everybody. A cell is one matrix product,
independent of every other. Pivots in turn lie in regions, and a point is compared with those of
the regions near it. Cells and regions keep their size as N grows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from workers.pools import ordered_map

EXACT_LIMIT = 20_000
"""Up to so many vectors every pair is compared; above, cells are joined."""
CELL, REGION = 64, 64
"""Members of a cell and pivots of a region, on average."""
PROBES, REGIONS = 28, 16
"""Cells that a point looks into and regions whose pivots it is compared with, on average; of the
cells, those of other regions are not found: a third to a half."""
SAMPLED, ROUNDS = 20, 4
"""Descriptors per pivot that k-means sees, and how often."""
MEASURED = 512
"""Descriptors that k-means did not see, from which is measured how far a point has to look."""
BLOCK = 1 << 17
"""Similarities held at a time by one thread: they stay in its cache."""
GROUPS = 64
"""Units of work that the cells are joined in."""
SHELF = 12
"""Finds are put in order 2 ** SHELF lookers at a time."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of vectors (``first`` < ``second``), each once, in order."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)


Found = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
"""Of each find: who looked, who was found, and their cosine."""
NOTHING: Found = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Cells:
    """Who is in which cell and who looks into it, for N points and C cells.

    ``members`` lists the points by cell, cell ``c`` from ``member_starts[c]`` on; ``lookers`` and
    ``looker_starts`` likewise. A point looks into its own cell too.
    """

    members: NDArray[np.int32]
    member_starts: NDArray[np.int64]
    lookers: NDArray[np.int32]
    looker_starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.member_starts) - 1

    def inside(self, cell: int) -> NDArray[np.int32]:
        """The points that lie in a cell."""
        return self.members[self.member_starts[cell] : self.member_starts[cell + 1]]

    def looking(self, cell: int) -> NDArray[np.int32]:
        """The points that look into a cell."""
        return self.lookers[self.looker_starts[cell] : self.looker_starts[cell + 1]]


def near_pairs(
    descriptors: NDArray[np.float32],
    *,
    neighbours: int,
    threshold: float,
    exact_limit: int = EXACT_LIMIT,
) -> Edges:
    """Pairs at cosine >= ``threshold``, from each vector's ``neighbours`` nearest.

    ``descriptors`` is N x D, of unit length. Exact up to ``exact_limit``; above it each point
    looks into PROBES cells on average. Memory beside ``descriptors`` is some 24 bytes per find and
    place looked into, and BLOCK cosines per thread. The threads are ours: those of the matrix
    library, which would fight them for the cores, are put to rest meanwhile.
    """
    count, threads = len(descriptors), os.cpu_count() or 1
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        exact = count <= exact_limit
        cells = every_pair(count) if exact else make_cells(descriptors, pool)

        def join(group: NDArray[np.int64]) -> list[NDArray[np.uint64]]:
            found = join_cells(
                descriptors, cells, group, neighbours=neighbours, threshold=threshold
            )
            return shelved(found, count)

        groups = np.array_split(np.arange(len(cells)), min(len(cells), GROUPS))
        found = list(ordered_map(pool, join, groups, ahead=2 * threads))
        return merge(found, neighbours=neighbours, pool=pool)


def every_pair(count: int) -> Cells:
    """Cells of neighbours in order; everybody looks into each."""
    everybody = np.arange(count, dtype=np.int32)
    starts = np.append(np.arange(0, count, 1024), count)
    cells = len(starts) - 1
    return Cells(everybody, starts, np.tile(everybody, cells), count * np.arange(cells + 1))


def make_cells(
    descriptors: NDArray[np.float32], pool: Executor, *, cell: int = CELL, probes: int = PROBES
) -> Cells:
    """Cut N x D descriptors into about N / ``cell`` cells; a point looks into about ``probes``.

    The mean is taken out first: faces share a direction, which says nothing of who is near whom.
    """
    size = SAMPLED * max(1, len(descriptors) // cell)
    drawn = descriptors[_sample(descriptors, size + MEASURED)]
    mean = drawn.mean(axis=0)
    drawn -= mean
    sample, unseen = drawn[:size], drawn[-MEASURED:].T
    tops = _pivots(sample, max(1, len(sample) // (SAMPLED * REGION)))
    home = faiss.knn(sample, tops, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]

    def cut(region: int) -> NDArray[np.float32]:
        here = sample[home == region]
        return _pivots(here, max(1, len(here) // SAMPLED)) if len(here) else tops[region:][:1]

    pivots = list(ordered_map(pool, cut, range(len(tops)), ahead=len(tops)))
    reach = _reach(tops @ unseen, REGIONS), _reach(np.concatenate(pivots) @ unseen, probes)
    regions = _near_regions(descriptors, mean, tops, reach[0], pool)
    return _near_cells(descriptors, mean, pivots, regions, reach=reach[1], pool=pool)


def _sample(descriptors: NDArray[np.float32], size: int) -> NDArray[np.int64]:
    """Positions of ``size`` descriptors, chosen and put in order by what they are.

    The same faces in another order give the same pivots, and a few more faces give few others.
    """
    bits = np.ascontiguousarray(descriptors[:, :8]).view(np.uint32).astype(np.uint64)
    odd = np.arange(1, 2 * bits.shape[1], 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (bits * odd).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.argsort(mixed, kind="stable")[:size]


def _pivots(sample: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """A few rounds of k-means, from the first of the sample.

    Measured: pivots that are mere descriptors find 5 % fewer pairs.
    """
    seen = sample[: 4 * SAMPLED * count]
    kmeans = faiss.Kmeans(
        sample.shape[1],
        count,
        niter=ROUNDS,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(seen),
    )
    kmeans.train(seen, init_centroids=seen[:count])
    return np.ascontiguousarray(kmeans.centroids)


def _reach(scores: NDArray[np.float32], count: int) -> np.float32:
    """How far below a point's best score, C x N, lie ``count`` of its scores, on average.

    At least a hair, since equal products may be rounded in two ways.
    """
    below = np.ravel(scores.max(axis=0) - scores)
    at = min(count * scores.shape[1], len(below)) - 1
    return np.float32(max(np.partition(below, at)[at], 1e-3))


def _near_regions(
    descriptors: NDArray[np.float32],
    mean: NDArray[np.float32],
    tops: NDArray[np.float32],
    reach: np.float32,
    pool: Executor,
) -> Cells:
    """Which regions each point is compared in: as cells whose members have it as the nearest."""
    step = max(1, BLOCK // len(tops))

    def look(start: int) -> tuple[NDArray[np.uint16], ...]:
        scores = (descriptors[start : start + step] - mean) @ tops.T
        best = scores.max(axis=1, keepdims=True)
        point, region = np.divmod(np.flatnonzero(scores >= best - reach), len(tops))
        nearest = scores.argmax(axis=1)
        return nearest.astype(np.uint16), region.astype(np.uint16), (point + start).astype(np.int32)

    starts = range(0, len(descriptors), step)
    nearest, region, point = (
        np.concatenate(parts) for parts in zip(*pool.map(look, starts), strict=True)
    )
    members, lookers = (np.argsort(r, kind="stable") for r in (nearest, region))
    return Cells(
        members.astype(np.int32),
        _starts(nearest, len(tops)),
        point[lookers],
        _starts(region, len(tops)),
    )


def _near_cells(
    descriptors: NDArray[np.float32],
    mean: NDArray[np.float32],
    pivots: Sequence[NDArray[np.float32]],
    regions: Cells,
    *,
    reach: np.float32,
    pool: Executor,
) -> Cells:
    """The cells of the pivots, looked into by the points that have the pivot within reach."""
    best = np.empty(len(descriptors), np.float32)

    def scored(
        region: int, rows: NDArray[np.int32]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        here, step = pivots[region], max(1, BLOCK // len(pivots[region]))
        for block in (rows[at : at + step] for at in range(0, len(rows), step)):
            yield block, np.subtract(descriptors[block], mean) @ here.T

    def at_home(region: int) -> None:
        for rows, scores in scored(region, regions.inside(region)):
            best[rows] = scores.max(axis=1)

    def look(region: int) -> Found:
        parts = [NOTHING]
        for rows, scores in scored(region, regions.looking(region)):
            at = np.flatnonzero(scores >= (best[rows] - reach)[:, None])
            row, pivot = np.divmod(at, scores.shape[1])
            parts.append((pivot.astype(np.int32), rows[row], scores.ravel()[at]))
        pivot, point, score = _together(parts)
        order = np.argsort(pivot.astype(np.uint16), kind="stable")
        return pivot[order] + first[region], point[order], score[order]

    first = np.cumsum([0] + [len(p) for p in pivots]).astype(np.int32)
    list(pool.map(at_home, range(len(pivots))))
    pivot, point, score = _together(list(pool.map(look, range(len(pivots)))))
    best.fill(-np.inf)
    np.maximum.at(best, point, score)
    top = best[point]
    near, nearest = score >= top - reach, score == top
    home = np.empty(len(best), np.int32)
    home[point[nearest]] = pivot[nearest]  # one of them, where two are equally near
    return Cells(
        np.argsort(home, kind="stable").astype(np.int32),
        _starts(home, first[-1]),
        point[near],
        _starts(pivot[near], first[-1]),
    )


def _starts(cell: NDArray[np.integer], cells: int) -> NDArray[np.int64]:
    """Where the points of each cell begin when they are listed by cell."""
    return np.append(0, np.cumsum(np.bincount(cell, minlength=cells)))


def join_cells(
    descriptors: NDArray[np.float32],
    cells: Cells,
    group: Iterable[int],
    *,
    neighbours: int,
    threshold: float,
) -> Found:
    """What the lookers of a group of cells find there: a pure function, one unit of work.

    Of each looker and cell about ``neighbours`` members at cosine >= ``threshold``.
    """
    parts = [NOTHING]
    for cell in group:
        inside, looking = cells.inside(cell), cells.looking(cell)
        held, step = descriptors[inside].T, max(1, BLOCK // max(1, len(inside)))
        for rows in (looking[at : at + step] for at in range(0, len(looking), step)):
            near = descriptors[rows] @ held
            at = np.flatnonzero(_nearest(near, neighbours + 1, threshold))
            row, column = np.divmod(at, len(inside))
            one, other = rows[row], inside[column]
            apart = one != other
            parts.append((one[apart], other[apart], near.ravel()[at[apart]]))
    return _together(parts)


def _nearest(near: NDArray[np.float32], count: int, threshold: float) -> NDArray[np.bool_]:
    """Which of a row's cosines are its ``count`` largest and at least the threshold."""
    kept = near >= threshold
    crowded = np.flatnonzero(np.count_nonzero(kept, axis=1) > count)
    if len(crowded):
        columns = np.argpartition(near[crowded], -count, axis=1)[:, -count:]
        kept[crowded] = False
        kept[crowded[:, None], columns] = True
    return kept


def _together(parts: Sequence[Found]) -> Found:
    one, other, similarity = zip(*parts, strict=True)
    return np.concatenate(one), np.concatenate(other), np.concatenate(similarity)


def shelved(found: Found, count: int) -> list[NDArray[np.uint64]]:
    """Finds among ``count`` points by 2 ** SHELF lookers, each as one number.

    Put in order, these numbers are sorted by looker, then the nearest first, then who was found.
    """
    one, other, similarity = found
    shelf = (one >> SHELF).astype(np.uint16)
    distance = np.clip((1 - similarity) * (1 << 19), 0, (1 << 20) - 1).astype(np.uint64)
    key = (one & ((1 << SHELF) - 1)).astype(np.uint64) << np.uint64(52)
    key |= distance << np.uint64(32)
    key |= other.astype(np.uint64)
    ends = np.cumsum(np.bincount(shelf, minlength=(count >> SHELF) + 1))
    return np.split(key[np.argsort(shelf, kind="stable")], ends[:-1])


def merge(found: Sequence[list[NDArray[np.uint64]]], *, neighbours: int, pool: Executor) -> Edges:
    """The finds of all groups as edges: each looker's nearest over all cells, each pair once."""

    def nearest(shelf: int) -> NDArray[np.int64]:
        key = np.concatenate([group[shelf] for group in found])
        key.sort()
        one = (key >> np.uint64(52)).astype(np.int64)
        begin = np.append(0, np.cumsum(np.bincount(one)))
        kept = np.arange(len(key)) - begin[one] < neighbours
        one = one[kept] + (shelf << SHELF)
        other = (key[kept] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        pair: NDArray[np.int64] = (np.minimum(one, other) << 32) | np.maximum(one, other)
        return pair

    if not found:
        return Edges(np.zeros(0, np.int64), np.zeros(0, np.int64))
    pairs = np.concatenate(list(pool.map(nearest, range(len(found[0])))))
    pairs.sort()
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return Edges(pairs >> 32, pairs & 0xFFFFFFFF)
