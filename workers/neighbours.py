"""Nearest neighbours among descriptors: the one door to faiss."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

EXACT_LIMIT = 20_000
"""Up to so many vectors every pair is compared; above, cells are probed."""
PROBES = 24


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of vectors (``first`` < ``second``), each once, and their cosine."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]


def near_pairs(
    descriptors: NDArray[np.float32], *, neighbours: int, threshold: float, block: int = 4096
) -> Edges:
    """Pairs at cosine >= ``threshold``, from each vector's ``neighbours`` nearest.

    ``descriptors`` is N x D, of unit length. Memory is N x D plus ``block`` x neighbours at a
    time. Exact up to EXACT_LIMIT; above it an inverted file of about 4 sqrt(N) cells, of which
    each vector probes its nearest PROBES.
    """
    count = len(descriptors)
    if count < 2:
        return Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    index = _index(descriptors)
    found = []
    for start in range(0, count, block):
        similarity, ids = index.search(
            descriptors[start : start + block], min(neighbours + 1, count)
        )
        rows = np.repeat(np.arange(start, start + len(ids)), ids.shape[1])
        ids, similarity = ids.ravel(), similarity.ravel()
        keep = (ids >= 0) & (ids != rows) & (similarity >= threshold)
        found.append((rows[keep], ids[keep], similarity[keep]))
    return _once(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _index(descriptors: NDArray[np.float32]) -> faiss.Index:
    count, width = descriptors.shape
    exact = faiss.IndexFlatIP(width)
    if count <= EXACT_LIMIT:
        exact.add(descriptors)
        return exact
    cells = int(4 * count**0.5)
    index = faiss.IndexIVFFlat(exact, width, cells, faiss.METRIC_INNER_PRODUCT)
    sample = np.random.default_rng(0).choice(count, min(count, 40 * cells), replace=False)
    index.train(descriptors[np.sort(sample)])
    index.nprobe = PROBES
    index.add(descriptors)
    return index


def _once(
    rows: NDArray[np.int64], ids: NDArray[np.int64], similarity: NDArray[np.float32]
) -> Edges:
    first, second = np.minimum(rows, ids), np.maximum(rows, ids)
    order = np.lexsort((second, first))
    first, second, similarity = first[order], second[order], similarity[order]
    keep = np.ones(len(first), bool)
    keep[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return Edges(first[keep], second[keep], similarity[keep])
