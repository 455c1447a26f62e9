"""Clustering the faces nobody has named, and ids that survive the next run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from workers.neighbours import near_pairs

NEIGHBOURS = 32


def cluster(descriptors: NDArray[np.float32], *, threshold: float) -> NDArray[np.int32]:
    """A label, from 0, for each of N faces: connected components of the graph of near pairs.

    ``descriptors`` is N x D, of unit length; ``threshold`` is the pack's cosine for one person.
    """
    count = len(descriptors)
    if not count:
        return np.zeros(0, np.int32)
    edges = near_pairs(descriptors, neighbours=NEIGHBOURS, threshold=threshold)
    weights = np.ones(len(edges.first), np.int8)
    graph = coo_matrix((weights, (edges.first, edges.second)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels, np.int32)


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
