"""Embeddings of many faces, held as the archive stores them and converted in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.faces.evidence import widened

PART = 1 << 14
"""Embeddings that are converted at a time."""


def take(
    vectors: NDArray[np.float32], which: NDArray[np.int32], into: NDArray[np.float32]
) -> NDArray[np.float32]:
    """K of N vectors, N x D, written to the first K rows of ``into``.

    Indices are not checked. Twice as fast as ``vectors[which]``, which allocates memory each time
    and checks them.
    """
    return vectors.take(which, axis=0, out=into[: len(which)], mode="clip")


class EmbeddingLookup(Protocol):
    """Embeddings that are looked up by place: K x D in fp32, of unit length."""

    def __getitem__(self, where: NDArray[np.int64], /) -> NDArray[np.float32]: ...


class EmbeddingMatrix(Protocol):
    """N x D embeddings of unit length in fp32, read in parts; an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice | NDArray[np.int64], /) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    """N embeddings held in fp16, as half the memory, and read in fp32, of unit length.

    ``stored`` has them in the order of the table; ``order`` (N) is the row of each.
    """

    stored: NDArray[np.float16]
    order: NDArray[np.int64]

    @classmethod
    def as_stored(cls, stored: NDArray[np.float16]) -> Embeddings:
        """All embeddings, in the order of the table."""
        return cls(stored, np.arange(len(stored)))

    def __len__(self) -> int:
        return len(self.order)

    def at(self, rows: NDArray[np.int64]) -> Embeddings:
        """The embeddings of some rows, in their order."""
        return Embeddings(self.stored, self.order[rows])

    def __getitem__(self, where: slice | NDArray[np.int64], /) -> NDArray[np.float32]:
        """The embeddings at these places, K x D."""
        at = self.order[where]
        rows = np.empty((len(at), self.stored.shape[1]), np.float32)
        for start in range(0, len(at), PART):
            part = rows[start : start + PART]
            part[:] = self.stored[at[start : start + PART]]
            part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        return rows


def vectors_of(embeddings: EmbeddingMatrix, weaknesses: NDArray[np.float32]) -> NDArray[np.float32]:
    """The widened vectors of N faces, N x (D + K), made in parts: they are there once only."""
    width = embeddings[:1].shape[1] + weaknesses.shape[1]
    vectors = np.empty((len(weaknesses), width), np.float32)
    for start in range(0, len(vectors), PART):
        part = slice(start, start + PART)
        vectors[part] = widened(embeddings[part], weaknesses[part])
    return vectors
