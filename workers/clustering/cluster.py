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
from workers.runtime.threads import own_threads
from workers.tables.embeddings import EmbeddingMatrix

NEIGHBOURS = 32
MIRROR = 0.9
"""Two faces of one photo as alike as this are one content: a mirror, a collage, a page of prints.
Chosen far above what two people reach (0.46 in one of 100,000 pairs); twins were not measured."""
REFERENCE_FACES = 5_000
"""Faces of the collection at which a pack's cluster thresholds hold as they are."""
GROUP_GROWTH = 0.5
"""What is asked of groups grows with the collection this much slower than what is asked of pairs:
an average over many pairs errs less than one pair."""
PURITY_DECADES = 4.0
"""From purity 0 to 1 the odds of a false join fall by so many powers of ten."""

STEP = 1 << 14
"""Embeddings, or pairs of them, that one thread holds at a time."""

Pairs = NDArray[np.int64]
"""K x 2 positions of faces."""
NO_PAIRS: Pairs = np.zeros((0, 2), np.int64)


def join_rule(
    pair: float, group: float, *, faces: int, purity: float = 0.5, decade: float = 0.047
) -> LinkageRule:
    """The rule for a collection of so many ``faces``.

    Impostor pairs grow as N squared and genuine ones as N, so what one face may be mistaken for
    must fall as 1 / N. ``decade`` is the pack's cosine per power of ten of its false match rate.
    ``purity`` 0.5 is the pack's own; 1 asks for few false joins, 0 for few split people.
    """
    shift = decade * PURITY_DECADES * (purity - 0.5)
    growth = decade * max(0.0, math.log10(max(faces, 1) / REFERENCE_FACES))
    return LinkageRule(pair + shift + growth, group + shift + GROUP_GROWTH * growth)


def cluster(
    embeddings: EmbeddingMatrix,
    photos: Sequence[str] | NDArray[np.int64],
    *,
    rule: LinkageRule,
    must_link: Pairs = NO_PAIRS,
    cannot_link: Pairs = NO_PAIRS,
    edges: Edges | None = None,
) -> NDArray[np.int32]:
    """A label, from 0, for each of N faces.

    ``embeddings`` is N x D, of unit length; ``photos`` names or numbers each face's photo. Faces
    of one photo are kept apart unless they are as alike as MIRROR: nobody is in a photo twice.
    ``must_link`` and ``cannot_link`` are decisions, honoured exactly, the former also within a
    photo. Raises ValueError where they contradict each other. Equal faces in equal order give
    equal labels; callers sort by face id, so that the order of arrival does not matter.
    ``edges`` is the faces' neighbour graph, where it was made already. Memory beside
    ``embeddings`` is a copy of them in fp32, and some 20 bytes per edge.
    """
    if not len(photos):
        return np.zeros(0, np.int32)
    if edges is None:
        edges = knn_graph(embeddings[:], neighbours=NEIGHBOURS, threshold=rule.least_of_all)
    apart = _of_one_photo(embeddings, photos)
    order = _side_by_side(edges, len(photos))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    bound = _bound_groups(len(photos), place[must_link])
    group = bound[place]
    if (group[cannot_link[:, 0]] == group[cannot_link[:, 1]]).any():
        raise ValueError("two faces that must be together must also be apart")
    with own_threads() as pool:
        rows = _in_order(embeddings, order, pool)
        kept_apart = place[np.concatenate([apart, cannot_link])].astype(np.int32)
        groups = Groups(rows, bound, rule, apart=kept_apart, pool=pool)
        parts = [edges.keys[at : at + CHUNK] for at in range(0, len(edges), CHUNK)]
        groups.meet(
            list(pool.map(lambda keys: between(group[lower(keys)], group[higher(keys)]), parts))
        )
        while len(pairs := groups.reciprocal_nearest()):
            groups.join(pairs)
    return np.unique(groups.labels[place], return_inverse=True)[1].astype(np.int32)


def _in_order(
    embeddings: EmbeddingMatrix, order: NDArray[np.int64], pool: Executor
) -> NDArray[np.float32]:
    """A copy of them in another order."""
    copy = np.empty((len(order), embeddings[:1].shape[1]), np.float32)

    def fill(at: int) -> None:
        copy[at : at + STEP] = embeddings[order[at : at + STEP]]

    list(pool.map(fill, range(0, len(order), STEP)))
    return copy


def _side_by_side(edges: Edges, count: int) -> NDArray[np.int64]:
    """``count`` faces in an order in which neighbours are mostly near each other.

    What is read together then lies together in memory, which for a million faces saves a sixth of
    the time. Each comes after the lowest of its neighbours' neighbours.
    """
    lowest = np.arange(count, dtype=np.int32)
    np.minimum.at(lowest, edges.second, edges.first)
    for _ in range(2):
        lowest = lowest[lowest]
    return np.argsort(lowest, kind="stable")


def _bound_groups(count: int, pairs: Pairs) -> NDArray[np.int32]:
    """The lowest face of the connected component of each of ``count`` faces."""
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
    """Pairs of faces of one photo that are not one content."""
    number = np.unique(np.asarray(photos), return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    of_photo = np.bincount(number)
    place = np.arange(len(order)) - np.repeat(np.cumsum(of_photo) - of_photo, of_photo)
    later = of_photo[number[order]] - place - 1  # faces of its photo that come after each
    first = np.repeat(np.arange(len(order)), later)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(later) - later, later)
    pairs = np.stack([order[first], order[second]], axis=1)
    found = [NO_PAIRS]
    for some in (pairs[at : at + STEP] for at in range(0, len(pairs), STEP)):
        one, other = embeddings[some[:, 0]], embeddings[some[:, 1]]
        found.append(some[np.einsum("ij,ij->i", one, other) < MIRROR])
    return np.concatenate(found)
