"""Faces of a run that a person may be asked about, in groups of one cluster each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.faces.evidence import KINDS, Floats, widened
from workers.tables.columns import NONE, Numbers
from workers.tables.embeddings import EmbeddingMatrix

BEST = 5
"""Faces of a group, or of a person, whose mean stands for it: the best of them."""
STEPS = 1 << 20
"""Steps of the quality, from -2 to 2, that are told apart."""
PART = 1 << 15
"""Faces that are read at a time."""


@dataclass(frozen=True, slots=True)
class RunFaces:
    """All N faces of a run, as arrays.

    ``embeddings`` is N x D of unit length (an array, or ``Embeddings`` in float16), ``weaknesses``
    N x K as of faces/evidence. ``photos`` and ``clusters`` are numbers, NONE without a cluster.
    ``person`` is the position of the person that the run or somebody named, NONE for nobody;
    ``askable`` are the usable faces that nobody dismissed or said to be no face. ``nearest``,
    ``evidence``, ``runner_up`` and ``runner_up_evidence`` are the run's own matches: positions of
    people, NONE for nobody, and NaN where there is nothing.
    """

    embeddings: EmbeddingMatrix
    weaknesses: Floats
    quality: Floats
    photos: Numbers
    clusters: Numbers
    person: Numbers
    askable: NDArray[np.bool_]
    nearest: Numbers
    evidence: Floats
    runner_up: Numbers
    runner_up_evidence: Floats

    def __len__(self) -> int:
        return len(self.quality)


def group_numbers(faces: RunFaces) -> tuple[NDArray[np.int32], int]:
    """The group of each askable face, NONE for others, and the number of groups.

    Faces of one cluster are a group, in the order of the cluster's number, which should be small;
    a face without a cluster is its own.
    """
    rows = np.flatnonzero(faces.askable)
    clusters = faces.clusters[rows]
    alone = clusters == NONE
    clusters = np.where(alone, clusters.max(initial=0) + np.cumsum(alone), clusters)
    there = np.zeros(clusters.max(initial=0) + 1, bool)
    there[clusters] = True
    number = np.cumsum(there) - 1
    found = np.full(len(faces), NONE, np.int32)
    found[rows] = number[clusters]
    return found, int(there[: there.size if len(rows) else 0].sum())


def best_of_each(
    owner: NDArray[np.int32], quality: Floats, rows: Numbers, most: int = BEST
) -> Numbers:
    """Those of ``rows`` that are among the best of their owner, sorted by owner and quality.

    ``owner`` and ``quality`` are of all faces; of faces of one quality the first in ``rows`` goes
    first. ``quality`` may be any number from -2 to 2.
    """
    worse = ((2 - quality[rows].astype(np.float64)) * STEPS).astype(np.int64)
    key = owner[rows].astype(np.int64) * (4 * STEPS) + worse
    order = np.argsort(key, kind="stable")
    order, sorted_owner = rows[order], owner[rows[order]]
    starts = np.flatnonzero(np.append(True, sorted_owner[1:] != sorted_owner[:-1])[: len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return order[rank < most]


def sums_of(
    faces: RunFaces, rows: Numbers, owner: NDArray[np.int32], count: int
) -> tuple[Floats, Numbers]:
    """Sums of the widened vectors of rows, by their owners: ``count`` x (D + K), and how many.

    ``owner`` is of these rows and rises.
    """
    width = faces.embeddings[:1].shape[1] + len(KINDS)
    sums = np.zeros((count, width), np.float32)
    for start in range(0, len(rows), PART):
        part, of = rows[start : start + PART], owner[start : start + PART]
        vectors = widened(faces.embeddings[part], faces.weaknesses[part])
        first = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
        sums[of[first]] += np.add.reduceat(vectors, first, axis=0)
    return sums, np.bincount(owner, minlength=count)


def means(sums: Floats, counts: Numbers) -> Floats:
    """Means of widened vectors, zero where nothing was summed; ``sums`` are overwritten.

    They are not scaled to unit length: products of two are the mean evidence of all pairs, which
    means as much for two groups as for two faces.
    """
    sums /= np.maximum(counts, 1)[:, None].astype(np.float32)
    return sums
