"""Evidence of chosen faces for chosen people, as matching has it: of each person's best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.faces.evidence import Floats, evidence_of_pairs, widened
from workers.matching.match import ReferenceMatrix
from workers.people.gallery import Gallery
from workers.tables.columns import Numbers
from workers.tables.embeddings import EmbeddingMatrix

PAIRS_AT_ONCE = 1 << 12
"""Pairs of a face and a person whose cosines are looked up together."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The references of P people: ``rows`` x (D + K), and the first of each person among them."""

    rows: NDArray[np.float32]
    starts: NDArray[np.intp]

    def evidence(self, vectors: Floats) -> Floats:
        """N x P evidence of widened vectors, for the best reference or the mean of each person."""
        found: Floats = np.maximum.reduceat(vectors @ self.rows.T, self.starts, axis=1)
        return found


@dataclass(frozen=True)
class Likeness:
    """Faces and people to be compared, by their positions: in ``embeddings`` and the gallery."""

    embeddings: EmbeddingMatrix
    weaknesses: NDArray[np.float32]
    gallery: Gallery

    @cached_property
    def _references(self) -> ReferenceMatrix:
        return ReferenceMatrix.of(self.gallery)

    def vectors(self, faces: Numbers) -> Floats:
        """The widened vectors of some faces."""
        return widened(self.embeddings[faces], self.weaknesses[faces])

    def select(self, people: Numbers) -> Selection:
        """The references of some people, who are one at least."""
        rows, first = self._rows_of(people)
        return Selection(self._references.opposed[rows], first)

    def evidence(self, faces: Numbers, people: Numbers) -> Floats:
        """N x P evidence of some faces for some people."""
        return self.select(people).evidence(self.vectors(faces))

    def cosines(self, faces: Numbers, people: Numbers) -> Floats:
        """K cosines of pairs: of each face to the reference of its person with most evidence."""
        starts = range(0, len(faces), PAIRS_AT_ONCE)
        parts = [
            self._cosines(faces[at : at + PAIRS_AT_ONCE], people[at : at + PAIRS_AT_ONCE])
            for at in starts
        ]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def _cosines(self, faces: Numbers, people: Numbers) -> Floats:
        held = self._references
        rows, first = self._rows_of(people)
        counts = np.diff(first, append=len(rows))
        face = np.repeat(self.embeddings[faces], counts, axis=0)
        cosines = np.einsum("ij,ij->i", face, held.embeddings[rows])
        weak = np.repeat(self.weaknesses[faces], counts, axis=0)
        found = evidence_of_pairs(cosines, weak, held.weaknesses[rows])
        best = np.maximum.reduceat(found, first)
        cosines[found < np.repeat(best, counts)] = -np.inf
        return np.asarray(np.maximum.reduceat(cosines, first), np.float32)

    def _rows_of(self, people: Numbers) -> tuple[Numbers, NDArray[np.intp]]:
        """Rows of the references of people, and the place of each person's first among them."""
        starts, ends = self._references.starts[people], self._references.ends[people]
        counts = ends - starts
        first = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) + np.repeat(starts - first, counts)
        return rows, first
