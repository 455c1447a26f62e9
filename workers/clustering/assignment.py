"""Assigning points to the cells of centroids: the cell of each, and the cells that it probes.

A point is a member of the cell of its nearest fine centroid, and probes the cells of all that are
nearly as near: a few for a face amid many of one person, dozens for one far from everybody.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from workers.clustering.cells import CellAssignment, Cells
from workers.clustering.centroids import CELL, PROBES, Centroids, sample_keys, sample_size
from workers.clustering.products import BLOCK, NO_HITS, BlockProducts, Hits, concatenate_hits
from workers.tables.embeddings import EmbeddingMatrix

ASSIGNED = 1 << 14
"""Points that one thread assigns at a time."""


def make_cells(
    embeddings: NDArray[np.float32], pool: Executor, *, cell: int = CELL, probes: int = PROBES
) -> Cells:
    """Cut N x D embeddings into about N / ``cell`` cells; a point probes about ``probes``."""
    seen, drawn = sample_size(len(embeddings), cell)
    sample = embeddings[np.argsort(sample_keys(embeddings), kind="stable")[:drawn]]
    centroids = Centroids.train(sample, seen, pool, probes=probes)
    return Cells.build(assign_all(embeddings, centroids, pool), len(centroids))


def assign_all(
    embeddings: EmbeddingMatrix, centroids: Centroids, pool: Executor
) -> list[CellAssignment]:
    """Assign N points to cells, in parts of ASSIGNED points."""
    starts = range(0, len(embeddings), ASSIGNED)
    return list(pool.map(lambda at: assign(embeddings[at : at + ASSIGNED], centroids), starts))


def assign(embeddings: NDArray[np.float32], centroids: Centroids) -> CellAssignment:
    """Assign P points, P x D, to cells: each by itself, whatever the others are."""
    rows: NDArray[np.float32] = embeddings - centroids.mean
    best = np.empty(len(rows), np.float32)
    nearest, searched = _regions(rows, centroids)
    products = BlockProducts(rows)
    for region, points in enumerate(nearest):
        for block, scores in products.blocks(points, centroids.fine_of(region)):
            best[block] = scores.max(axis=1)
    least = best - centroids.radius[1]
    found = [NO_HITS]
    for region, points in enumerate(searched):
        parts = [NO_HITS]
        for block, scores in products.blocks(points, centroids.fine_of(region)):
            at = np.flatnonzero(scores >= least[block, None])
            row, centroid = np.divmod(at, scores.shape[1])
            parts.append((centroid.astype(np.int32), block[row], scores.ravel()[at]))
        centroid, point, score = concatenate_hits(parts)
        order = np.argsort(centroid.astype(np.uint16), kind="stable")
        first = np.int32(centroids.starts[region])
        found.append((centroid[order] + first, point[order], score[order]))
    return _by_score(concatenate_hits(found), len(rows), centroids.radius[1])


def _regions(
    rows: NDArray[np.float32], centroids: Centroids
) -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]:
    """Points by their nearest region, and points by each region that they search."""
    count, step = len(centroids.coarse), max(1, BLOCK // len(centroids.coarse))
    nearest, region, point = [], [], []
    for start in range(0, len(rows), step):
        scores = rows[start : start + step] @ centroids.coarse.T
        best = scores.max(axis=1, keepdims=True)
        near, which = np.divmod(np.flatnonzero(scores >= best - centroids.radius[0]), count)
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
    """Split the points by their number, from 0 up to ``count``."""
    ends = np.cumsum(np.bincount(number, minlength=count))
    return np.split(points[np.argsort(number, kind="stable")], ends[:-1])


def _by_score(found: Hits, count: int, radius: np.float32) -> CellAssignment:
    """Keep of the scores of cells and points those within the radius of each point's best."""
    cell, point, score = found
    best = np.full(count, -np.inf, np.float32)
    np.maximum.at(best, point, score)
    top = best[point]
    near, nearest = score >= top - radius, score == top
    assignment = np.empty(count, np.int32)
    assignment[point[nearest]] = cell[nearest]  # one of them, where two are equally near
    return CellAssignment(assignment, cell[near], point[near])
