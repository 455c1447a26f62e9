"""Nearest neighbours among embeddings, by joining cells: the one door to faiss.

Pivots cut the embeddings into small cells. A point is a member of the cell of its nearest pivot
and looks for neighbours in the cells of all pivots that are nearly as near: a few for a face amid
many of one person, dozens for one that is far from everybody. A cell is one matrix product,
independent of every other. Pivots in turn lie in regions, and a point is compared with those of
the regions near it. Cells and regions keep their size as N grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from workers.clustering.pair_keys import NO_KEYS, Keys, buckets, each_once, higher, keyed, lower
from workers.runtime.threads import ordered_map, own_threads
from workers.tables.embeddings import EmbeddingMatrix, take

EXACT_LIMIT = 20_000
"""Up to so many vectors every pair is compared; above, cells are joined."""
CELL, REGION = 64, 64
"""Members of a cell and pivots of a region, on average."""
PROBES, REGIONS = 28, 16
"""Cells that a point looks into and regions whose pivots it is compared with, on average; of the
cells, those of other regions are not found: a third to a half."""
SAMPLED, ROUNDS = 20, 4
"""Embeddings per pivot that k-means sees, and how often."""
MEASURED = 512
"""Embeddings that k-means did not see, from which is measured how far a point has to look."""
BLOCK = 1 << 17
"""Similarities held at a time by one thread: they stay in its cache."""
TAKEN = 1 << 11
"""Vectors that one thread takes together for a product."""
GROUPS = 64
"""Units of work that the cells are joined in."""
PLACED = 1 << 14
"""Points that are placed at a time by one thread."""
SHELF = 12
"""Finds are put in order 2 ** SHELF lookers at a time."""
BUCKETS = 64
"""Pairs are put in order in so many parts, by the first of each."""


UNASSIGNED = -1
"""The cell of a point that lies in another part of them."""


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


Found = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
"""Of each find: who looked, who was found, and their cosine."""
Shelves = list[NDArray[np.uint64]]
"""Finds as one number each, by lookers: see shelved."""
NOTHING: Found = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Centroids:
    """What cuts embeddings into cells: C pivots, in R regions.

    ``mean`` (D) is taken out of an embedding before it is compared: faces share a direction, which
    says nothing of who is near whom. ``tops`` (R x D) are the regions, ``cells`` (C x D) the
    pivots, those of region ``r`` from ``starts[r]`` on. ``reach`` says how far below its best score
    lie the regions that a point is compared in, and the cells that it looks into.
    """

    mean: NDArray[np.float32]
    tops: NDArray[np.float32]
    cells: NDArray[np.float32]
    starts: NDArray[np.int64]
    reach: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.cells)

    def inside(self, region: int) -> NDArray[np.float32]:
        """The pivots that lie in a region."""
        return self.cells[self.starts[region] : self.starts[region + 1]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(
        cls, drawn: NDArray[np.float32], seen: int, pool: Executor, *, probes: int = PROBES
    ) -> Centroids:
        """Those of a sample, of which k-means sees the first ``seen``.

        The last MEASURED tell how far a point has to look.
        """
        mean = drawn.mean(axis=0)
        drawn = drawn - mean
        sample, unseen = drawn[:seen], drawn[-MEASURED:].T
        tops = _kmeans(sample, max(1, len(sample) // (SAMPLED * REGION)))
        home = faiss.knn(sample, tops, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]

        def cut(region: int) -> NDArray[np.float32]:
            here = sample[home == region]
            return _kmeans(here, max(1, len(here) // SAMPLED)) if len(here) else tops[region:][:1]

        regions = list(ordered_map(pool, cut, range(len(tops)), ahead=len(tops)))
        cells = np.concatenate(regions)
        starts = np.append(0, np.cumsum([len(region) for region in regions]))
        reach = [_reach(tops @ unseen, REGIONS), _reach(cells @ unseen, probes)]
        return cls(mean, tops, cells, starts, np.array(reach, np.float32))


@dataclass(frozen=True, slots=True)
class Places:
    """Of P points: the cell in which each lies, and those into which it looks.

    ``home`` (P) is NOWHERE for a point that lies in none of these cells. ``cell`` and ``point`` (K)
    are the pairs of a cell and a point that looks into it, by cell.
    """

    home: NDArray[np.int32]
    cell: NDArray[np.int32]
    point: NDArray[np.int32]

    @classmethod
    def together(cls, placed: Sequence[Places], count: int) -> Places:
        """Those of points that were placed part by part, in ``count`` cells."""
        cells = Cells.of(placed, count)
        cell = np.repeat(np.arange(count, dtype=np.int32), np.diff(cells.looker_starts))
        return cls(_homes(placed), cell, cells.queries)

    def within(self, first: int, last: int) -> tuple[NDArray[np.int32], Places]:
        """The points that look into the cells from ``first`` up to ``last``; their places there.

        A point looks into its own cell too, so that those who lie there are among them.
        """
        low, high = np.searchsorted(self.cell, [first, last])
        looking = np.unique(self.point[low:high])
        home = self.home[looking] - first
        home[(home < 0) | (home >= last - first)] = UNASSIGNED
        point = np.searchsorted(looking, self.point[low:high])
        return looking, Places(home, self.cell[low:high] - first, point.astype(np.int32))


@dataclass(frozen=True, slots=True)
class Cells:
    """Who is in which cell and who looks into it, for N points and C cells.

    ``members`` lists the points by cell, cell ``c`` from ``member_starts[c]`` on; ``lookers`` and
    ``looker_starts`` likewise.
    """

    members: NDArray[np.int32]
    member_starts: NDArray[np.int64]
    queries: NDArray[np.int32]
    looker_starts: NDArray[np.int64]

    @classmethod
    def of(cls, placed: Sequence[Places], count: int) -> Cells:
        """``count`` cells of points that were placed part by part, and are numbered in turn."""
        home = _homes(placed)
        members = np.argsort(home, kind="stable")[np.count_nonzero(home == UNASSIGNED) :]
        looking = np.zeros(count, np.int64)
        for part in placed:
            looking += np.bincount(part.cell, minlength=count)
        starts = np.append(0, np.cumsum(looking))
        queries, free, first = np.empty(starts[-1], np.int32), starts[:-1].copy(), 0
        for part in placed:
            many = np.bincount(part.cell, minlength=count)
            here = free - (np.cumsum(many) - many)  # from where a cell's begin in the part
            queries[here[part.cell] + np.arange(len(part.cell))] = part.point + first
            free += many
            first += len(part.home)
        inside = _starts(home[members], count)
        return cls(members.astype(np.int32), inside, queries, starts)

    def __len__(self) -> int:
        return len(self.member_starts) - 1

    def inside(self, cell: int) -> NDArray[np.int32]:
        """The points that lie in a cell."""
        return self.members[self.member_starts[cell] : self.member_starts[cell + 1]]

    def looking(self, cell: int) -> NDArray[np.int32]:
        """The points that look into a cell."""
        return self.queries[self.looker_starts[cell] : self.looker_starts[cell + 1]]


def _homes(placed: Sequence[Places]) -> NDArray[np.int32]:
    return np.concatenate([np.zeros(0, np.int32), *(part.home for part in placed)])


def knn_graph(
    embeddings: NDArray[np.float32],
    *,
    neighbours: int,
    threshold: float,
    exact_limit: int = EXACT_LIMIT,
) -> Edges:
    """Pairs at cosine >= ``threshold``, from each vector's ``neighbours`` nearest.

    ``embeddings`` is N x D, of unit length. Exact up to ``exact_limit``; above it each point
    looks into PROBES cells on average. Memory beside ``embeddings`` is some 24 bytes per find and
    place looked into, and BLOCK cosines per thread.
    """
    exact = len(embeddings) <= exact_limit
    with own_threads() as pool:
        cells = every_pair(len(embeddings)) if exact else make_cells(embeddings, pool)
        found = find_in_cells(embeddings, cells, pool, neighbours=neighbours, threshold=threshold)
        return merge(found, neighbours=neighbours, pool=pool)


def every_pair(count: int) -> Cells:
    """Cells of neighbours in order; everybody looks into each."""
    everybody = np.arange(count, dtype=np.int32)
    starts = np.append(np.arange(0, count, 1024), count)
    cells = len(starts) - 1
    return Cells(everybody, starts, np.tile(everybody, cells), count * np.arange(cells + 1))


def make_cells(
    embeddings: NDArray[np.float32], pool: Executor, *, cell: int = CELL, probes: int = PROBES
) -> Cells:
    """Cut N x D embeddings into about N / ``cell`` cells; a point looks into about ``probes``."""
    seen, drawn = sample_size(len(embeddings), cell)
    sample = embeddings[np.argsort(shuffle(embeddings), kind="stable")[:drawn]]
    pivots = Centroids.of(sample, seen, pool, probes=probes)
    return Cells.of(place_all(embeddings, pivots, pool), len(pivots))


def sample_size(count: int, cell: int = CELL) -> tuple[int, int]:
    """How many of ``count`` embeddings k-means sees, and how many are drawn in all."""
    seen = SAMPLED * max(1, count // cell)
    return min(seen, count), min(seen + MEASURED, count)


def shuffle(embeddings: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A number for each of N embeddings, made of what it is: the least of them are a sample.

    The same faces in another order give the same sample, and a few more faces change it little.
    """
    bits = np.ascontiguousarray(embeddings[:, :8]).view(np.uint32).astype(np.uint64)
    odd = np.arange(1, 2 * bits.shape[1], 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (bits * odd).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed)


def _kmeans(sample: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """A few rounds of k-means, from the first of the sample.

    Measured: pivots that are mere embeddings find 5 % fewer pairs.
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


class Products:
    """Products of vectors with a few others, a block at a time, in memory that is used again."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._taken = np.empty((TAKEN, vectors.shape[1]), np.float32)
        self._products = np.empty(BLOCK, np.float32)

    def of(
        self, points: NDArray[np.int32], others: NDArray[np.float32]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Some of the points and their products with M others, M x D, which the next overwrite."""
        many = len(others)
        step = min(TAKEN, max(1, BLOCK // max(1, many)))
        if many > len(self._products):
            self._products = np.empty(many, np.float32)
        for block in (points[at : at + step] for at in range(0, len(points), step)):
            products = self._products[: len(block) * many].reshape(len(block), many)
            taken = take(self._vectors, block, self._taken)
            yield block, np.matmul(taken, others.T, out=products)


def place_all(embeddings: EmbeddingMatrix, pivots: Centroids, pool: Executor) -> list[Places]:
    """Where all of N points lie and look, PLACED of them at a time."""
    starts = range(0, len(embeddings), PLACED)
    return list(pool.map(lambda at: place(embeddings[at : at + PLACED], pivots), starts))


def place(embeddings: NDArray[np.float32], pivots: Centroids) -> Places:
    """Where P points, P x D, lie and look: a pure function of each, one unit of work."""
    rows: NDArray[np.float32] = embeddings - pivots.mean
    best = np.empty(len(rows), np.float32)
    nearest, near = _regions(rows, pivots)
    products = Products(rows)
    for region, points in enumerate(nearest):
        for block, scores in products.of(points, pivots.inside(region)):
            best[block] = scores.max(axis=1)
    least = best - pivots.reach[1]
    found = [NOTHING]
    for region, points in enumerate(near):
        parts = [NOTHING]
        for block, scores in products.of(points, pivots.inside(region)):
            at = np.flatnonzero(scores >= least[block, None])
            row, pivot = np.divmod(at, scores.shape[1])
            parts.append((pivot.astype(np.int32), block[row], scores.ravel()[at]))
        pivot, point, score = _together(parts)
        order = np.argsort(pivot.astype(np.uint16), kind="stable")
        first = np.int32(pivots.starts[region])
        found.append((pivot[order] + first, point[order], score[order]))
    return _places(*_together(found), len(rows), pivots.reach[1])


def _regions(
    rows: NDArray[np.float32], pivots: Centroids
) -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]:
    """By region: the points that are nearest to it, and those that are compared in it."""
    count, step = len(pivots.tops), max(1, BLOCK // len(pivots.tops))
    nearest, region, point = [], [], []
    for start in range(0, len(rows), step):
        scores = rows[start : start + step] @ pivots.tops.T
        best = scores.max(axis=1, keepdims=True)
        near, which = np.divmod(np.flatnonzero(scores >= best - pivots.reach[0]), count)
        nearest.append(scores.argmax(axis=1).astype(np.uint16))
        region.append(which.astype(np.uint16))
        point.append((near + start).astype(np.int32))
    every = np.arange(len(rows), dtype=np.int32)
    return (
        _by_number(np.concatenate(nearest), every, count),
        _by_number(np.concatenate(region), np.concatenate(point), count),
    )


def _by_number(
    number: NDArray[np.uint16], points: NDArray[np.int32], count: int
) -> list[NDArray[np.int32]]:
    """The points that have each number."""
    ends = np.cumsum(np.bincount(number, minlength=count))
    return np.split(points[np.argsort(number, kind="stable")], ends[:-1])


def _places(
    cell: NDArray[np.int32],
    point: NDArray[np.int32],
    score: NDArray[np.float32],
    count: int,
    reach: np.float32,
) -> Places:
    """The places of points by their scores."""
    best = np.full(count, -np.inf, np.float32)
    np.maximum.at(best, point, score)
    top = best[point]
    near, nearest = score >= top - reach, score == top
    home = np.empty(count, np.int32)
    home[point[nearest]] = cell[nearest]  # one of them, where two are equally near
    return Places(home, cell[near], point[near])


def _starts(cell: NDArray[np.integer], cells: int) -> NDArray[np.int64]:
    """Where the points of each cell begin when they are listed by cell."""
    return np.append(0, np.cumsum(np.bincount(cell, minlength=cells)))


def find_in_cells(
    embeddings: NDArray[np.float32],
    cells: Cells,
    pool: Executor,
    *,
    neighbours: int,
    threshold: float,
    number: NDArray[np.int32] | None = None,
    count: int | None = None,
) -> list[Shelves]:
    """What is found in all cells, group of cells by group.

    Points go by their ``number`` among ``count`` where these are but some of all.
    """

    def find(group: NDArray[np.int64]) -> Shelves:
        found = join_cells(
            embeddings, cells, group, neighbours=neighbours, threshold=threshold, number=number
        )
        return shelved(found, len(embeddings) if count is None else count)

    groups = np.array_split(np.arange(len(cells)), max(1, min(len(cells), GROUPS)))
    return list(ordered_map(pool, find, groups, ahead=len(groups)))


def join_cells(
    embeddings: NDArray[np.float32],
    cells: Cells,
    group: Iterable[int],
    *,
    neighbours: int,
    threshold: float,
    number: NDArray[np.int32] | None = None,
) -> Found:
    """What the lookers of a group of cells find there: a pure function, one unit of work.

    Of each looker and cell about ``neighbours`` members at cosine >= ``threshold``. Points go by
    their ``number``, where they have one.
    """
    parts, products = [NOTHING], Products(embeddings)
    for cell in group:
        inside = cells.inside(cell)
        members = inside if number is None else number[inside]
        for rows, near in products.of(cells.looking(cell), embeddings[inside]):
            at = _nearest(near, neighbours + 1, threshold, members)
            row, column = np.divmod(at, len(inside))
            one, other = (rows if number is None else number[rows])[row], members[column]
            apart = one != other
            parts.append((one[apart], other[apart], near.ravel()[at[apart]]))
    return _together(parts)


def _nearest(
    near: NDArray[np.float32], count: int, threshold: float, members: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Where in the flattened rows their ``count`` largest cosines at the threshold or above are.

    Those that are as large as the least of them are there, too: ``count`` of them at most, the
    lowest ``members``, which is all that merge takes. A picture may be there ten thousand times.
    """
    kept = near >= threshold
    if near.shape[1] > count:
        crowded = np.flatnonzero(kept.sum(axis=1, dtype=np.uint32) > count)
        those = near[crowded]
        least = np.partition(those, -count, axis=1)[:, -count, None]
        chosen = those >= least
        for row in np.flatnonzero(chosen.sum(axis=1, dtype=np.uint32) > 2 * count).tolist():
            alike = np.flatnonzero(those[row] == least[row])
            chosen[row, alike[np.argsort(members[alike])[count:]]] = False
        kept[crowded] = chosen
    return np.flatnonzero(kept)


def _together(parts: Sequence[Found]) -> Found:
    one, other, similarity = zip(*parts, strict=True)
    return np.concatenate(one), np.concatenate(other), np.concatenate(similarity)


def shelved(found: Found, count: int) -> Shelves:
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


def merge(found: Sequence[Shelves], *, neighbours: int, pool: Executor) -> Edges:
    """The finds of all groups as edges: each looker's nearest over all cells, each pair once."""
    if not found:
        return Edges(NO_KEYS)

    def nearest(shelf: int) -> Keys:
        key = np.concatenate([group[shelf] for group in found])
        key.sort()
        one = (key >> np.uint64(52)).astype(np.int64)
        begin = np.append(0, np.cumsum(np.bincount(one)))
        kept = np.arange(len(key)) - begin[one] < neighbours
        other = (key[kept] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        return each_once(keyed(one[kept] + (shelf << SHELF), other))

    sliced = buckets(list(pool.map(nearest, range(len(found[0])))), len(found[0]) << SHELF, BUCKETS)
    return Edges(np.concatenate(list(pool.map(lambda bucket: each_once(*bucket), sliced))))
