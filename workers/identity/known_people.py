"""People of a gallery as two vectors each, with the names that were given since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.faces.evidence import KINDS, Floats, opposed, widened
from workers.identity.asked_groups import RunFaces, best_of_each, means, sums_of
from workers.people.gallery import Gallery
from workers.tables.columns import NONE, Numbers

VIEWS = 2
"""Vectors of a person: the mean of the references, and of these and the best named faces."""


@dataclass(slots=True)
class KnownPeople:
    """P people: the sums of their references, and VIEWS widened vectors of each.

    ``views`` is P x VIEWS x (D + K), opposed, so that a widened face's products are evidence;
    ``pictures`` (P) are the references and named faces that it rests on, none for a person of whom
    nothing is known.
    """

    sums: Floats
    references: Numbers
    views: Floats
    pictures: Numbers

    @classmethod
    def of(cls, gallery: Gallery, faces: RunFaces, person: NDArray[np.int32]) -> KnownPeople:
        """Everybody of a gallery, with the faces that the run named."""
        count, width = len(gallery), faces.embeddings[:1].shape[1] + len(KINDS)
        sums, counts = np.zeros((count, width), np.float32), np.zeros(count, np.int64)
        if count:
            vectors = widened(gallery.embeddings, gallery.weaknesses)
            sums = np.add.reduceat(vectors, gallery.starts, axis=0)
            counts = np.diff(gallery.starts, append=len(vectors)).astype(np.int64)
        views = np.zeros((count, VIEWS, width), np.float32)
        people = cls(sums, counts, views, np.zeros(count, np.int64))
        people.refresh(np.arange(count), faces, person)
        return people

    def __len__(self) -> int:
        return len(self.references)

    def add(self) -> int:
        """Add somebody of whom nothing is known yet; gives the position."""
        self.sums = np.concatenate([self.sums, np.zeros_like(self.sums, shape=(1, self.width))])
        self.references = np.append(self.references, 0)
        shape = (1, VIEWS, self.width)
        self.views = np.concatenate([self.views, np.zeros(shape, np.float32)])
        self.pictures = np.append(self.pictures, 0)
        return len(self) - 1

    @property
    def found(self) -> NDArray[np.bool_]:
        """Mask of the people who have named faces."""
        return self.pictures > self.references

    @property
    def width(self) -> int:
        """Width of a widened vector."""
        return int(self.views.shape[2])

    def refresh(self, which: Numbers, faces: RunFaces, person: NDArray[np.int32]) -> None:
        """Compute the vectors of some people anew; ``person`` (N) is who each face is now."""
        if len(which) == len(self):
            rows = np.flatnonzero(person != NONE)
        else:
            rows = np.flatnonzero(np.isin(person, which.astype(np.int32)))
        rows = best_of_each(person, faces.quality, rows)
        sums, counts = sums_of(faces, rows, person[rows], len(self))
        both, own = sums[which] + self.sums[which], self.references[which]
        self.pictures[which] = counts[which] + own
        named = means(both, self.pictures[which])
        first = np.where((own > 0)[:, None], means(self.sums[which], own), named)
        self.views[which] = np.stack([opposed(first), opposed(named)], axis=1)
