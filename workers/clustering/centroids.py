"""Coarse and fine centroids that cut embeddings into cells, by k-means: the one door to faiss.

Fine centroids cut the embeddings into small cells; a coarse centroid stands for a region of fine
ones, so that a point is compared with the fine centroids near it alone. Cells and regions keep
their size as N grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from workers.runtime.threads import ordered_map

CELL, REGION = 64, 64
"""Average members of a cell, and average fine centroids of a region."""
PROBES, REGIONS = 28, 16
"""Average number of cells that a point probes, and of regions that it searches for them. Cells of
regions that it does not search are missed: a third to a half of PROBES."""
SAMPLED, ROUNDS = 20, 4
"""Embeddings per centroid that k-means sees, and its rounds."""
MEASURED = 512
"""Further embeddings, unseen by k-means, from which the radius is measured."""
SMALLEST_RADIUS = 1e-3
"""Equal products may be rounded in two ways: a radius of zero could lose the best cell."""

_STORED = {"mean": "mean", "coarse": "tops", "fine": "cells", "starts": "starts", "radius": "reach"}
"""Name of each array where tasks of one job hand centroids on: jobs under way know these."""


@dataclass(frozen=True, slots=True)
class Centroids:
    """C fine centroids, one per cell, in R regions of a coarse centroid each.

    ``mean`` (D) is subtracted from an embedding before it is compared: faces share a direction,
    which does not tell neighbours apart. ``coarse`` is R x D; ``fine`` is C x D, those of region
    ``r`` from ``starts[r]`` on. ``radius`` (2) is how far below a point's best score the other
    regions that it searches, and the other cells that it probes, may lie.
    """

    mean: NDArray[np.float32]
    coarse: NDArray[np.float32]
    fine: NDArray[np.float32]
    starts: NDArray[np.int64]
    radius: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.fine)

    def fine_of(self, region: int) -> NDArray[np.float32]:
        """The fine centroids of a region."""
        return self.fine[self.starts[region] : self.starts[region + 1]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays under the names that they are stored by."""
        return {stored: getattr(self, field) for field, stored in _STORED.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Centroids:
        """Build the centroids from stored arrays."""
        return cls(**{field: arrays[stored] for field, stored in _STORED.items()})

    @classmethod
    def train(
        cls, drawn: NDArray[np.float32], seen: int, pool: Executor, *, probes: int = PROBES
    ) -> Centroids:
        """Fit centroids to the first ``seen`` embeddings of a sample.

        The radius is measured from the last MEASURED of the sample.
        """
        mean = drawn.mean(axis=0)
        drawn = drawn - mean
        sample, unseen = drawn[:seen], drawn[-MEASURED:].T
        coarse = _kmeans(sample, max(1, len(sample) // (SAMPLED * REGION)))
        region_of = faiss.knn(sample, coarse, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]

        def cut(region: int) -> NDArray[np.float32]:
            here = sample[region_of == region]
            if not len(here):
                return coarse[region:][:1]
            return _kmeans(here, max(1, len(here) // SAMPLED))

        regions = list(ordered_map(pool, cut, range(len(coarse)), ahead=len(coarse)))
        fine = np.concatenate(regions)
        starts = np.append(0, np.cumsum([len(region) for region in regions]))
        radius = [_radius(coarse @ unseen, REGIONS), _radius(fine @ unseen, probes)]
        return cls(mean, coarse, fine, starts, np.array(radius, np.float32))


def sample_size(count: int, cell: int = CELL) -> tuple[int, int]:
    """Number of ``count`` embeddings that k-means sees, and number to draw in all."""
    seen = SAMPLED * max(1, count // cell)
    return min(seen, count), min(seen + MEASURED, count)


def sample_keys(embeddings: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Hash each of N embeddings; those with the lowest hashes make a sample.

    The same faces in another order give the same sample, and a few more faces change it little.
    """
    bits = np.ascontiguousarray(embeddings[:, :8]).view(np.uint32).astype(np.uint64)
    odd = np.arange(1, 2 * bits.shape[1], 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (bits * odd).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed)


def _kmeans(sample: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Run a few rounds of spherical k-means, begun with the first of the sample.

    Measured: mere embeddings as centroids find 5 % fewer pairs.
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


def _radius(scores: NDArray[np.float32], count: int) -> np.float32:
    """Distance below each point's best score, C x N, that ``count`` scores reach on average."""
    below = np.ravel(scores.max(axis=0) - scores)
    at = min(count * scores.shape[1], len(below)) - 1
    return np.float32(max(np.partition(below, at)[at], SMALLEST_RADIUS))
