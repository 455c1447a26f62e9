"""Inner products of many vectors with a few others, block by block, in memory that is reused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.tables.embeddings import take

BLOCK = 1 << 17
"""Products that one thread holds at a time: they stay in its cache."""
TAKEN = 1 << 11
"""Vectors that one thread copies together for a product."""

Hits = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
"""K pairs of numbers and the score of each: see the function that returns them."""
NO_HITS: Hits = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


class BlockProducts:
    """Inner products with N vectors, N x D, in one buffer per object; not for two threads."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._taken = np.empty((TAKEN, vectors.shape[1]), np.float32)
        self._products = np.empty(BLOCK, np.float32)

    def blocks(
        self, rows: NDArray[np.int32], others: NDArray[np.float32]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Yield some of the rows and their products with M others, M x D.

        The next block overwrites the products.
        """
        many = len(others)
        step = min(TAKEN, max(1, BLOCK // max(1, many)))
        if many > len(self._products):
            self._products = np.empty(many, np.float32)
        for block in (rows[at : at + step] for at in range(0, len(rows), step)):
            products = self._products[: len(block) * many].reshape(len(block), many)
            taken = take(self._vectors, block, self._taken)
            yield block, np.matmul(taken, others.T, out=products)


def concatenate_hits(parts: Sequence[Hits]) -> Hits:
    """Join hits part after part. ``parts`` has at least one."""
    one, other, score = zip(*parts, strict=True)
    return np.concatenate(one), np.concatenate(other), np.concatenate(score)
