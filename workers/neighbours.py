"""Nearest neighbours among descriptors, by joining cells: the one door to faiss.

Coarse pivots cut the descriptors into cells; a point is a member of the cell of its nearest pivot
and looks for neighbours in the cells of its nearest few. Pairing whole cells by their pivots
instead loses half of the pairs. A cell is one matrix product, independent of every other, and the
cells keep their size as N grows, so that the work grows little faster than N.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from workers.pools import ordered_map

EXACT_LIMIT = 20_000
"""Up to so many vectors every pair is compared; above, cells are joined."""
CELL = 128
"""Members of a cell, on average."""
PROBES = 16
"""Cells that a point looks into."""
BLOCK = 1 << 18
"""Similarities held at a time by one thread: they stay in its cache."""
SAMPLED, ROUNDS = 20, 4
"""Descriptors per pivot that k-means sees, and how often."""
DIRECT_PIVOTS = 1024
"""Up to so many pivots are all compared; above, only those near the nearest coarse pivots."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of vectors (``first`` < ``second``), each once, and their cosine."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Of each find: who looked, who was found, and their cosine."""


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


def near_pairs(
    descriptors: NDArray[np.float32],
    *,
    neighbours: int,
    threshold: float,
    exact_limit: int = EXACT_LIMIT,
) -> Edges:
    """Pairs at cosine >= ``threshold``, from each vector's ``neighbours`` nearest.

    ``descriptors`` is N x D, of unit length. Exact up to ``exact_limit``; above it each point
    looks into PROBES cells. Memory is N x D, the pairs found, and BLOCK cosines per thread.
    """
    count = len(descriptors)
    cells = one_cell(count) if count <= exact_limit else make_cells(descriptors)
    groups = np.array_split(np.arange(len(cells)), min(len(cells), 64))
    threads = os.cpu_count() or 1

    def join(group: NDArray[np.int64]) -> Found:
        return join_cells(descriptors, cells, group, neighbours=neighbours, threshold=threshold)

    with ThreadPoolExecutor(threads) as pool:
        return merge(ordered_map(pool, join, groups, ahead=2 * threads), neighbours=neighbours)


def one_cell(count: int) -> Cells:
    """Everybody in one cell: every pair is compared."""
    everybody, starts = np.arange(count, dtype=np.int32), np.array([0, count])
    return Cells(everybody, starts, everybody, starts)


def make_cells(
    descriptors: NDArray[np.float32], *, cell: int = CELL, probes: int = PROBES
) -> Cells:
    """Cut N x D descriptors into about N / ``cell`` cells; a point looks into ``probes``.

    The mean is taken out first: faces share a direction, which says nothing of who is near whom.
    """
    count = len(descriptors)
    centred = descriptors - descriptors.mean(axis=0)
    pivots = _pivots(centred[_sample(descriptors, SAMPLED * max(1, count // cell))], count // cell)
    nearest = nearest_pivots(centred, pivots, min(probes, len(pivots)))
    members, member_starts = _by_cell(nearest[:, :1], len(pivots))
    lookers, looker_starts = _by_cell(nearest, len(pivots))
    return Cells(members, member_starts, lookers, looker_starts)


def _pivots(sample: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """A few rounds of k-means. Measured: pivots that are mere descriptors find 5 % fewer pairs."""
    kmeans = faiss.Kmeans(
        sample.shape[1],
        max(1, count),
        niter=ROUNDS,
        spherical=True,
        seed=1,
        min_points_per_centroid=1,
        max_points_per_centroid=SAMPLED,
    )
    kmeans.train(sample)
    return np.ascontiguousarray(kmeans.centroids)


def _sample(descriptors: NDArray[np.float32], size: int) -> NDArray[np.int64]:
    """Positions of ``size`` descriptors, chosen by what they are and not by where they stand.

    The same faces in another order give the same pivots, and a few more faces give few others.
    """
    bits = np.ascontiguousarray(descriptors).view(np.uint32).astype(np.uint64)
    odd = np.arange(1, 2 * bits.shape[1], 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (bits * odd).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.sort(np.argsort(mixed, kind="stable")[:size])


def nearest_pivots(
    points: NDArray[np.float32], pivots: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """The ``count`` nearest pivots of each of N points, N x ``count``, the nearest first.

    -1 where fewer were found. Beyond DIRECT_PIVOTS only a part of the pivots is compared.
    """
    width = pivots.shape[1]
    index: faiss.Index = faiss.IndexFlatIP(width)
    if len(pivots) > DIRECT_PIVOTS:
        coarse = int(len(pivots) ** 0.5)
        index = faiss.IndexIVFFlat(index, width, coarse, faiss.METRIC_INNER_PRODUCT)
        index.train(pivots)
        index.nprobe = max(8, coarse // 8)
    index.add(pivots)
    step = 1 << 16
    parts = [index.search(points[at : at + step], count)[1] for at in range(0, len(points), step)]
    nearest: NDArray[np.int64] = np.concatenate(parts)
    return nearest


def _by_cell(nearest: NDArray[np.int64], cells: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The points that name each cell, side by side, and where each cell's begin."""
    points = np.repeat(np.arange(len(nearest), dtype=np.int32), nearest.shape[1])
    named = nearest.ravel()
    points, named = points[named >= 0], named[named >= 0]
    order = np.argsort(named, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(named, minlength=cells))])
    return points[order], starts.astype(np.int64)


def join_cells(
    descriptors: NDArray[np.float32],
    cells: Cells,
    group: Iterable[int],
    *,
    neighbours: int,
    threshold: float,
) -> Found:
    """What the lookers of a group of cells find there: a pure function, one unit of work.

    Of each looker and cell at most ``neighbours`` members at cosine >= ``threshold``.
    """
    parts: list[Found] = []
    for cell in group:
        inside = cells.members[cells.member_starts[cell] : cells.member_starts[cell + 1]]
        looking = cells.lookers[cells.looker_starts[cell] : cells.looker_starts[cell + 1]]
        if not len(inside):
            continue
        held = np.ascontiguousarray(descriptors[inside].T)
        step = max(1, BLOCK // len(inside))
        for start in range(0, len(looking), step):
            rows = looking[start : start + step]
            near = descriptors[rows] @ held
            at = np.flatnonzero(near.ravel() >= threshold)
            similarity = near.ravel()[at]
            row, column = np.divmod(at, len(inside))
            one, other = rows[row].astype(np.int64), inside[column].astype(np.int64)
            apart = one != other
            parts.append(nearest_of_each(one[apart], other[apart], similarity[apart], neighbours))
    return _together(parts)


def _together(parts: Sequence[Found]) -> Found:
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    one, other, similarity = zip(*parts, strict=True)
    return np.concatenate(one), np.concatenate(other), np.concatenate(similarity)


def nearest_of_each(
    one: NDArray[np.int64], other: NDArray[np.int64], similarity: NDArray[np.float32], count: int
) -> Found:
    """Of each looker's finds the ``count`` nearest."""
    if not len(one) or np.bincount(one - one.min()).max() <= count:
        return one, other, similarity
    order = np.argsort(one + 0.25 * (1.0 - similarity))  # by looker, then the nearest first
    one = one[order]
    starts = np.flatnonzero(np.diff(one, prepend=-1))
    rank = np.arange(len(one)) - np.repeat(starts, np.diff(np.append(starts, len(one))))
    kept = order[rank < count]
    return one[rank < count], other[kept], similarity[kept]


def merge(found: Iterable[Found], *, neighbours: int) -> Edges:
    """The finds of all groups as edges: each looker's nearest over all cells, each pair once."""
    one, other, similarity = nearest_of_each(*_together(list(found)), neighbours)
    width = int(max(one.max(), other.max())) + 1 if len(one) else 1
    key = np.minimum(one, other) * width + np.maximum(one, other)
    order = np.argsort(key)
    order = order[np.diff(key[order], prepend=-1) > 0]
    first, second = np.divmod(key[order], width)
    return Edges(first, second, similarity[order])
