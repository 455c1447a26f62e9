"""Clustering the faces nobody has named, and ids that survive the next run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.neighbours import near_pairs

NEIGHBOURS = 32


def cluster(
    descriptors: NDArray[np.float32], photos: Sequence[str], *, threshold: float
) -> NDArray[np.int32]:
    """A label, from 0, for each of N faces.

    ``descriptors`` is N x D, of unit length; ``photos`` says in which photo each face is;
    ``threshold`` is the pack's cosine for one person. Near pairs are joined, the nearest first,
    unless that would put two faces of one photo together: nobody is in a photo twice.
    """
    edges = near_pairs(descriptors, neighbours=NEIGHBOURS, threshold=threshold)
    groups = Groups(photos)
    order = np.lexsort((edges.second, edges.first, -edges.similarity))
    for first, second in zip(
        edges.first[order].tolist(), edges.second[order].tolist(), strict=True
    ):
        groups.join(first, second)
    roots = [groups.root(face) for face in range(len(photos))]
    return np.unique(np.array(roots, np.int64), return_inverse=True)[1].astype(np.int32)


class Groups:
    """Disjoint sets of faces, none with two faces of one photo."""

    def __init__(self, photos: Sequence[str]) -> None:
        self._parent = list(range(len(photos)))
        self._photos = [{photo} for photo in photos]

    def root(self, face: int) -> int:
        """The face that stands for the group of ``face``."""
        parent = self._parent
        while parent[face] != face:
            parent[face] = parent[parent[face]]
            face = parent[face]
        return face

    def join(self, one: int, other: int) -> None:
        """Make two groups one, unless a photo is in both."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return
        if len(self._photos[one]) < len(self._photos[other]):
            one, other = other, one
        if self._photos[one].isdisjoint(self._photos[other]):
            self._parent[other] = one
            self._photos[one] |= self._photos[other]
            self._photos[other] = set()


def name_clusters(
    labels: NDArray[np.int32], face_ids: Sequence[str], earlier: Mapping[str, str]
) -> list[str]:
    """The id of each face's cluster. ``earlier`` maps face ids to the ids of the last run.

    A cluster keeps the id that most of its faces had; of two that claim one id the one with
    more such faces has it. A new cluster is named after its first face id, so that the same
    faces are named alike whatever their order.
    """
    votes = Counter(
        (int(label), earlier[face])
        for label, face in zip(labels, face_ids, strict=True)
        if face in earlier
    )
    names: dict[int, str] = {}
    taken: set[str] = set()
    for (label, old), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
        if label not in names and old not in taken:
            names[label] = old
            taken.add(old)
    firsts: dict[int, str] = {}
    for label, face in zip(labels, face_ids, strict=True):
        firsts[int(label)] = min(face, firsts.get(int(label), face))
    for label, face in sorted(firsts.items(), key=lambda item: item[1]):
        if label not in names:
            names[label] = _unused("k" + face[1:13], taken)
            taken.add(names[label])
    return [names[int(label)] for label in labels]


def _unused(name: str, taken: set[str]) -> str:
    """``name``, or with a number where a cluster of an earlier run carries it already."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate
