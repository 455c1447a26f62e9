"""Clustering faces, so that each cluster is one person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from workers.clustering.knn import Edges, knn_graph
from workers.clustering.linkage import CHUNK, Groups, LinkageRule
from workers.clustering.pair_keys import between, higher, lower
from workers.faces.evidence import KINDS, no_weaknesses
from workers.runtime.threads import own_threads
from workers.tables.embeddings import EmbeddingMatrix

NEIGHBOURS = 32
MIRROR = 0.9
"""Two faces of one photo at this cosine or above are the same picture: a mirror, a collage, a page
of prints. Two people reach far less (0.46 in one of 100,000 pairs); twins were not measured."""
REFERENCE_FACES = 5_000
"""Size of the collection, in faces, for which a pack's cluster thresholds are given."""
GROUP_GROWTH = 0.5
"""Thresholds of groups grow with the collection at this share of the growth for pairs: an average
over many pairs errs less than one pair."""
PURITY_DECADES = 4.0
"""Powers of ten by which the odds of a false merge fall from purity 0 to 1."""

STEP = 1 << 14
"""Embeddings, or pairs of them, that one thread holds at a time."""

Pairs = NDArray[np.int64]
"""K x 2 positions of faces."""
NO_PAIRS: Pairs = np.zeros((0, 2), np.int64)


def join_rule(
    pair: float, group: float, *, faces: int, purity: float = 0.5, cosine_per_decade: float = 0.047
) -> LinkageRule:
    """Linkage rule for a collection of ``faces`` faces.

    Impostor pairs grow as N squared and genuine ones as N, so the false match rate must fall as
    1 / N. ``cosine_per_decade`` is the pack's rise of the cosine per power of ten of that rate.
    ``purity`` 0.5 keeps the pack's thresholds; 1 gives few false merges, 0 few split people. Two
    large groups must be as alike, on average, as two faces of a small collection.
    """
    shift = cosine_per_decade * PURITY_DECADES * (purity - 0.5)
    growth = cosine_per_decade * max(0.0, math.log10(max(faces, 1) / REFERENCE_FACES))
    pair, group = pair + shift, group + shift
    return LinkageRule(
        pair=pair + growth,
        group=group + GROUP_GROWTH * growth,
        large=pair + GROUP_GROWTH * growth,
    )


def cluster(
    embeddings: EmbeddingMatrix,
    photos: Sequence[str] | NDArray[np.int64],
    *,
    rule: LinkageRule,
    weaknesses: NDArray[np.float32] | None = None,
    must_link: Pairs = NO_PAIRS,
    cannot_link: Pairs = NO_PAIRS,
    edges: Edges | None = None,
) -> NDArray[np.int32]:
    """Cluster labels, from 0, of N faces.

    ``embeddings`` is N x D, of unit length; ``weaknesses`` is N x K, without them no face has any.
    Groups are merged by the mean evidence of their pairs. ``photos`` names or numbers each face's
    photo. Faces of one photo are never merged below the cosine MIRROR: nobody is in a photo twice.
    ``must_link`` and ``cannot_link`` are answers of people, honoured exactly, the former also
    within a photo. Raises ValueError where they contradict each other. Equal faces in equal order
    give equal labels; callers sort by face id, so that the order of arrival does not matter.
    ``edges`` is the faces' neighbour graph, if it is made already. Memory beside ``embeddings``
    is a copy of them in fp32, and some 20 bytes per edge.
    """
    if not len(photos):
        return np.zeros(0, np.int32)
    weak = no_weaknesses(len(photos)) if weaknesses is None else weaknesses
    if edges is None:
        edges = _graph(embeddings, weak, rule)
    order = _neighbours_together(edges, len(photos))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    linked = _components(len(photos), place[must_link])
    group = linked[place]
    if (group[cannot_link[:, 0]] == group[cannot_link[:, 1]]).any():
        raise ValueError("two faces that must be together must also be apart")
    with own_threads() as pool:
        rows = _vectors(embeddings, weak, order, pool)
        apart = place[np.concatenate([_of_one_photo(embeddings, photos), cannot_link])]
        groups = Groups(rows, linked, rule, cannot_link=apart.astype(np.int32), pool=pool)
        parts = [edges.keys[at : at + CHUNK] for at in range(0, len(edges), CHUNK)]
        groups.add_pairs(
            list(pool.map(lambda keys: between(group[lower(keys)], group[higher(keys)]), parts))
        )
        while len(pairs := groups.reciprocal_nearest()):
            groups.merge(pairs)
    return np.unique(groups.labels[place], return_inverse=True)[1].astype(np.int32)


def _graph(
    embeddings: EmbeddingMatrix, weaknesses: NDArray[np.float32], rule: LinkageRule
) -> Edges:
    """The neighbour graph of the faces, in their order."""
    with own_threads() as pool:
        vectors = _vectors(embeddings, weaknesses, np.arange(len(weaknesses)), pool)
    return knn_graph(vectors, neighbours=NEIGHBOURS, threshold=rule.lowest_threshold)


def _vectors(
    embeddings: EmbeddingMatrix,
    weaknesses: NDArray[np.float32],
    order: NDArray[np.int64],
    pool: Executor,
) -> NDArray[np.float32]:
    """Copy the embeddings in another order, in fp32, widened by their weaknesses."""
    width = embeddings[:1].shape[1]
    copy = np.empty((len(order), width + len(KINDS)), np.float32)

    def fill(at: int) -> None:
        some = order[at : at + STEP]
        copy[at : at + STEP, :width] = embeddings[some]
        copy[at : at + STEP, width:] = weaknesses[some]

    list(pool.map(fill, range(0, len(order), STEP)))
    return copy


def _neighbours_together(edges: Edges, count: int) -> NDArray[np.int64]:
    """Order of ``count`` faces that puts most neighbours near each other.

    Faces that are read together then lie together in memory, which for a million faces saves a
    sixth of the time. Faces are sorted by the lowest of their neighbours' neighbours.
    """
    lowest = np.arange(count, dtype=np.int32)
    np.minimum.at(lowest, edges.second, edges.first)
    for _ in range(2):
        lowest = lowest[lowest]
    return np.argsort(lowest, kind="stable")


def _components(count: int, pairs: Pairs) -> NDArray[np.int32]:
    """Lowest face of the connected component of each of ``count`` faces."""
    parent = np.arange(count, dtype=np.int32)

    def root(face: int) -> int:
        while parent[face] != face:
            face = int(parent[face])
        return face

    for one, other in pairs.tolist():
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    while not np.array_equal(further := parent[parent], parent):
        parent = further
    return parent


def _of_one_photo(embeddings: EmbeddingMatrix, photos: Sequence[str] | NDArray[np.int64]) -> Pairs:
    """Pairs of faces of one photo below the cosine MIRROR."""
    number = np.unique(np.asarray(photos), return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    of_photo = np.bincount(number)
    place = np.arange(len(order)) - np.repeat(np.cumsum(of_photo) - of_photo, of_photo)
    later = of_photo[number[order]] - place - 1  # faces of the same photo after each face
    first = np.repeat(np.arange(len(order)), later)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(later) - later, later)
    pairs = np.stack([order[first], order[second]], axis=1)
    found = [NO_PAIRS]
    for some in (pairs[at : at + STEP] for at in range(0, len(pairs), STEP)):
        one, other = embeddings[some[:, 0]], embeddings[some[:, 1]]
        found.append(some[np.einsum("ij,ij->i", one, other) < MIRROR])
    return np.concatenate(found)
