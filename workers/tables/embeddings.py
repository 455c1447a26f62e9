"""Embeddings of many faces, held as the archive stores them and read by parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PART = 1 << 14
"""Embeddings that are converted at a time."""


def take(
    vectors: NDArray[np.float32], which: NDArray[np.int32], into: NDArray[np.float32]
) -> NDArray[np.float32]:
    """K of N vectors, N x D, in the first K rows of memory that is used again.

    All of them must be there. Twice as fast as ``vectors[which]``, which asks for new memory each
    time and looks whether they are.
    """
    return vectors.take(which, axis=0, out=into[: len(which)], mode="clip")


class EmbeddingLookup(Protocol):
    """Embeddings of unit length that are had by their places, K x D in fp32."""

    def __getitem__(self, where: NDArray[np.int64], /) -> NDArray[np.float32]: ...


class EmbeddingMatrix(Protocol):
    """N x D embeddings of unit length that are read by parts, as fp32: an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice | NDArray[np.int64], /) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    """N embeddings in fp16, half the memory of what they are read as: fp32, of unit length.

    ``stored`` is N x D in the order in which they were read, ``order`` (N) says where each is.
    """

    stored: NDArray[np.float16]
    order: NDArray[np.int64]

    @classmethod
    def as_stored(cls, stored: NDArray[np.float16]) -> Embeddings:
        """All of them, in the order in which they were read."""
        return cls(stored, np.arange(len(stored)))

    def __len__(self) -> int:
        return len(self.order)

    def at(self, rows: NDArray[np.int64]) -> Embeddings:
        """Those of some rows, in their order."""
        return Embeddings(self.stored, self.order[rows])

    def __getitem__(self, where: slice | NDArray[np.int64], /) -> NDArray[np.float32]:
        """Some of them, K x D."""
        at = self.order[where]
        rows = np.empty((len(at), self.stored.shape[1]), np.float32)
        for start in range(0, len(at), PART):
            part = rows[start : start + PART]
            part[:] = self.stored[at[start : start + PART]]
            part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        return rows
