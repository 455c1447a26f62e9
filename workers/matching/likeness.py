"""Cosines of chosen faces to chosen people, as matching has them: to each person's best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.matching.match import ReferenceMatrix
from workers.people.gallery import Gallery
from workers.tables.columns import Numbers
from workers.tables.embeddings import EmbeddingMatrix

Cosines = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Selection:
    """The references of P people: ``rows`` x D, and the first of each person among them."""

    rows: NDArray[np.float32]
    starts: NDArray[np.intp]

    def cosines(self, embeddings: NDArray[np.float32]) -> Cosines:
        """N x P cosines of embeddings, to the best reference or the mean of each person."""
        found: Cosines = np.maximum.reduceat(embeddings @ self.rows.T, self.starts, axis=1)
        return found


@dataclass(frozen=True)
class Likeness:
    """Faces and people to be compared, by their positions: in ``embeddings`` and the gallery."""

    embeddings: EmbeddingMatrix
    gallery: Gallery

    @cached_property
    def _references(self) -> ReferenceMatrix:
        return ReferenceMatrix.of(self.gallery)

    def select(self, people: Numbers) -> Selection:
        """The references of some people, who are one at least."""
        starts, ends = self._references.starts[people], self._references.ends[people]
        counts = ends - starts
        first = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) + np.repeat(starts - first, counts)
        return Selection(self._references.embeddings[rows], first)

    def cosines(self, faces: Numbers, people: Numbers) -> Cosines:
        """N x P cosines of some faces to some people."""
        return self.select(people).cosines(self.embeddings[faces])
