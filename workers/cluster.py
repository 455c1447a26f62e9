"""Clustering faces, so that each cluster is one person."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.neighbours import Edges, near_pairs

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
"""Pairs of groups whose sums one thread holds at a time."""

Pairs = NDArray[np.int64]
"""K x 2 positions of faces."""
NO_PAIRS: Pairs = np.zeros((0, 2), np.int64)


@dataclass(frozen=True, slots=True)
class JoinRule:
    """How alike two groups must be to be one person.

    The mean cosine over all pairs of an m-strong and an n-strong group must reach
    ``group + (pair - group) / sqrt(m n)``: ``pair`` for two single faces, near ``group`` for two
    large groups, since the mean over impostor pairs scatters less the more pairs there are.
    """

    pair: float
    group: float

    @property
    def least_of_all(self) -> float:
        """What is asked of no two groups less than."""
        return min(self.group, self.pair)

    def least(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean cosine that is asked of groups of these sizes."""
        return self.group + (self.pair - self.group) / np.sqrt(first * second)


def join_rule(
    pair: float, group: float, *, faces: int, purity: float = 0.5, decade: float = 0.047
) -> JoinRule:
    """The rule for a collection of so many ``faces``.

    Impostor pairs grow as N squared and genuine ones as N, so what one face may be mistaken for
    must fall as 1 / N. ``decade`` is the pack's cosine per power of ten of its false match rate.
    ``purity`` 0.5 is the pack's own; 1 asks for few false joins, 0 for few split people.
    """
    shift = decade * PURITY_DECADES * (purity - 0.5)
    growth = decade * max(0.0, math.log10(max(faces, 1) / REFERENCE_FACES))
    return JoinRule(pair + shift + growth, group + shift + GROUP_GROWTH * growth)


def cluster(
    descriptors: NDArray[np.float32],
    photos: Sequence[str] | NDArray[np.int64],
    *,
    rule: JoinRule,
    must_link: Pairs = NO_PAIRS,
    cannot_link: Pairs = NO_PAIRS,
    edges: Edges | None = None,
) -> NDArray[np.int32]:
    """A label, from 0, for each of N faces.

    ``descriptors`` is N x D, of unit length; ``photos`` names or numbers each face's photo. Faces
    of one photo are kept apart unless they are as alike as MIRROR: nobody is in a photo twice.
    ``must_link`` and ``cannot_link`` are decisions, honoured exactly, the former also within a
    photo. Raises ValueError where they contradict each other. Equal faces in equal order give
    equal labels; callers sort by face id, so that the order of arrival does not matter.
    ``edges`` is the faces' neighbour graph, where it was made already.
    """
    if not len(photos):
        return np.zeros(0, np.int32)
    if edges is None:
        edges = near_pairs(descriptors, neighbours=NEIGHBOURS, threshold=rule.least_of_all)
    apart = _of_one_photo(descriptors, photos)
    order = _side_by_side(edges, len(photos))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    bound = _bound_groups(len(photos), place[must_link])
    apart, cannot_link = bound[place[apart]], bound[place[cannot_link]]
    if (cannot_link[:, 0] == cannot_link[:, 1]).any():
        raise ValueError("two faces that must be together must also be apart")
    edges = Edges(bound[place[edges.first]], bound[place[edges.second]])
    groups = Groups.begin(descriptors[order], bound, edges, np.concatenate([apart, cannot_link]))
    labels = bound
    while len(pairs := groups.mutually_best(rule)):
        numbers, groups = groups.joined(pairs)
        labels = numbers[labels]
    return labels[place].astype(np.int32)


def _side_by_side(edges: Edges, count: int) -> NDArray[np.int64]:
    """``count`` faces in an order in which neighbours are mostly near each other.

    What is read together then lies together in memory, which for a million faces saves a sixth of
    the time. Each comes after the lowest of its neighbours' neighbours.
    """
    lowest = np.arange(count)
    np.minimum.at(lowest, edges.second, edges.first)
    for _ in range(2):
        lowest = lowest[lowest]
    return np.argsort(lowest, kind="stable")


def _bound_groups(count: int, pairs: Pairs) -> NDArray[np.int64]:
    """The connected component of each of ``count`` faces, by the lowest face, numbered from 0."""
    parent = list(range(count))

    def root(face: int) -> int:
        while parent[face] != face:
            parent[face] = parent[parent[face]]
            face = parent[face]
        return face

    for one, other in pairs.tolist():
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    roots = np.arange(count) if not len(pairs) else np.array([root(f) for f in range(count)])
    return np.asarray(np.unique(roots, return_inverse=True)[1], np.int64)


def _of_one_photo(
    descriptors: NDArray[np.float32], photos: Sequence[str] | NDArray[np.int64]
) -> Pairs:
    """Pairs of faces of one photo that are not one content."""
    number = np.unique(np.asarray(photos), return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1, append=-1))
    several = np.flatnonzero(np.diff(starts) > 1)
    found = [NO_PAIRS]
    for begin, end in zip(starts[several].tolist(), starts[several + 1].tolist(), strict=True):
        faces = order[begin:end]
        here = descriptors[faces]
        one, other = np.nonzero(np.triu(here @ here.T < MIRROR, 1))
        found.append(np.stack([faces[one], faces[other]], axis=1))
    return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class Groups:
    """G groups of faces and the E pairs of them that have neighbours in each other.

    Average linkage by reciprocal best pairs (Sumengen et al. 2021, arXiv 2105.11653): the mean
    cosine over all pairs of two groups is the product of their descriptors' sums over the product
    of their sizes, so a group is its sum (``total``, G x D) and its ``size``. ``mean`` is that
    cosine for each pair ``first`` < ``second``. ``apart`` holds pairs that may not be joined, as
    first * G + second. All best pairs of a round are joined at once; what two groups do depends
    on their neighbourhood alone, so that a few more faces elsewhere change nothing here.
    """

    total: NDArray[np.float32]
    size: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    mean: NDArray[np.float32]
    apart: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.size)

    @classmethod
    def begin(
        cls,
        descriptors: NDArray[np.float32],
        labels: NDArray[np.int64],
        edges: Edges,
        apart: Pairs,
    ) -> Groups:
        """Groups by ``labels``, mostly of one face each; edges and ``apart`` are of groups."""
        total, size = _summed(descriptors, labels)
        forbidden = _keys(apart, len(size))
        keys = _joinable(edges.first, edges.second, len(size), forbidden)
        first, second = np.divmod(keys, len(size))
        mean = _means(total, size, first, second)
        return cls(total, size, first, second, mean, forbidden)

    def joined(self, pairs: Pairs) -> tuple[NDArray[np.int64], Groups]:
        """The new number of each group after each pair of groups became one, and the new groups.

        Numbers keep their order, so that what did not change stays sorted as it is.
        """
        one, other = pairs.T
        kept, changed = np.ones(len(self), bool), np.zeros(len(self), bool)
        kept[other], changed[pairs] = False, True
        labels = np.cumsum(kept) - 1
        labels[other] = labels[one]
        total, size = self.total[kept], self.size[kept]
        total[labels[one]] += self.total[other]
        size[labels[one]] += self.size[other]
        forbidden = np.stack(np.divmod(self.apart, len(self)), axis=1)
        forbidden = _keys(labels[forbidden], len(size))
        anew = changed[self.first] | changed[self.second]
        same = labels[self.first[~anew]] * len(size) + labels[self.second[~anew]]
        near = labels[self.first[anew]], labels[self.second[anew]]
        keys = _joinable(*near, len(size), forbidden)
        mean = _means(total, size, *np.divmod(keys, len(size)))
        places = np.searchsorted(same, keys)
        first, second = np.divmod(np.insert(same, places, keys), len(size))
        mean = np.insert(self.mean[~anew], places, mean)
        return labels, Groups(total, size, first, second, mean, forbidden)

    def mutually_best(self, rule: JoinRule) -> Pairs:
        """The pairs that satisfy the rule and in which each is the other's nearest, K x 2.

        Of several that are equally near it is the first.
        """
        enough = self.mean >= rule.least(self.size[self.first], self.size[self.second])
        first, second, mean = self.first[enough], self.second[enough], self.mean[enough]
        best = np.full(len(self), -np.inf, np.float32)
        place, rank = np.full(len(self), len(mean)), np.arange(len(mean))
        for side in (first, second):
            np.maximum.at(best, side, mean)
        for side in (first, second):
            top = mean == best[side]
            np.minimum.at(place, side[top], rank[top])
        mutual = (place[first] == rank) & (place[second] == rank)
        return np.stack([first[mutual], second[mutual]], axis=1)


def _means(
    total: NDArray[np.float32],
    size: NDArray[np.float64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The mean cosine over all pairs of two groups, for some pairs of groups."""
    mean = np.empty(len(first), np.float32)

    def fill(at: int) -> None:
        one, other = first[at : at + STEP], second[at : at + STEP]
        product = np.einsum("ij,ij->i", total[one], total[other])
        mean[at : at + STEP] = product / (size[one] * size[other])

    starts = range(0, len(first), STEP)
    if len(starts) > 1:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, starts))
    else:
        fill(0)
    return mean


def _summed(
    descriptors: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Sums and sizes of the groups that labels make of faces, in their order."""
    if len(labels) and labels[-1] == len(labels) - 1:
        return descriptors, np.ones(len(labels))  # each is one of its own
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    sums = np.add.reduceat(descriptors[order], starts, axis=0)
    return sums, np.bincount(labels).astype(np.float64)


def _keys(pairs: Pairs, size: int) -> NDArray[np.int64]:
    """Pairs of different groups as one number each, sorted, each once."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    keys = (low * size + high)[low != high]
    keys.sort()  # numpy's unique hashes, which takes four times as long
    return np.asarray(keys[np.diff(keys, prepend=-1) > 0], np.int64)


def _joinable(
    first: NDArray[np.int64], second: NDArray[np.int64], size: int, apart: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The keys of pairs of groups that are not among those of ``apart``."""
    keys = _keys(np.stack([first, second], axis=1), size)
    at = np.searchsorted(apart, keys)
    return np.asarray(keys[np.append(apart, -1)[at] != keys], np.int64)
