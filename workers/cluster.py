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
    groups = Groups(descriptors[order], bound, rule, apart=np.concatenate([apart, cannot_link]))
    groups.meet(bound[place[edges.first]], bound[place[edges.second]])
    while len(pairs := groups.mutually_best()):
        groups.join(pairs)
    return np.unique(groups.labels()[place], return_inverse=True)[1].astype(np.int32)


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
    """The lowest face of the connected component of each of ``count`` faces."""
    parent = np.arange(count)

    def root(face: int) -> int:
        while parent[face] != face:
            face = int(parent[face])
        return face

    for one, other in pairs.tolist():
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return _roots(parent)


def _roots(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each way from parent to parent ends."""
    while not np.array_equal(further := parent[parent], parent):
        parent = further
    return parent


def _of_one_photo(
    descriptors: NDArray[np.float32], photos: Sequence[str] | NDArray[np.int64]
) -> Pairs:
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
        one, other = descriptors[some.T]
        found.append(some[np.einsum("ij,ij->i", one, other) < MIRROR])
    return np.concatenate(found)


class Groups:
    """N faces in groups, and the pairs of groups that have neighbours in each other.

    Average linkage by reciprocal best pairs (Sumengen et al. 2021, arXiv 2105.11653): the mean
    cosine over all pairs of two groups is the product of their descriptors' sums over the product
    of their sizes, so a group is a sum and a size. All best pairs of a round are joined at once;
    what two groups do depends on their neighbourhood alone, so that a few more faces elsewhere
    change nothing here, and a round costs as much as it changes.

    A group is known by its lowest face. ``bound`` (N) is that of each face to begin with;
    ``apart`` are pairs of groups that may not be joined. The descriptors, N x D, become the sums.
    """

    def __init__(
        self,
        descriptors: NDArray[np.float32],
        bound: NDArray[np.int64],
        rule: JoinRule,
        *,
        apart: Pairs,
    ) -> None:
        count = len(descriptors)
        self._rule = rule
        self._parent = bound.copy()
        self._total = descriptors
        self._size = np.bincount(bound, minlength=count).astype(np.float64)
        led = np.flatnonzero(bound != np.arange(count))
        np.add.at(self._total, bound[led], self._total[led])
        self._apart = self._keys(apart[:, 0], apart[:, 1])
        self._first = self._second = np.zeros(0, np.int64)
        self._mean = np.zeros(0, np.float32)
        self._enough = np.zeros(0, bool)

    def labels(self) -> NDArray[np.int64]:
        """The group of each face."""
        return _roots(self._parent)

    def meet(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        """Take in pairs of groups that have neighbours in each other, in any order."""
        keys = self._keys(one, other)
        at = np.searchsorted(self._apart, keys)
        first, second = np.divmod(keys[np.append(self._apart, -1)[at] != keys], len(self._parent))
        del keys, at
        mean = self._means(first, second)
        enough = mean >= self._rule.least(self._size[first], self._size[second])
        self._first = np.concatenate([self._first, first])
        self._second = np.concatenate([self._second, second])
        self._mean = np.concatenate([self._mean, mean])
        self._enough = np.concatenate([self._enough, enough])

    def join(self, pairs: Pairs) -> None:
        """Make one group of each of K pairs, of which no two share a group."""
        one, other = pairs.T
        self._total[one] += self._total[other]
        self._size[one] += self._size[other]
        self._parent[other] = one
        changed = np.zeros(len(self._parent), bool)
        changed[pairs] = True
        self._part_anew(changed)
        anew = changed[self._first] | changed[self._second]
        near = self._parent[self._first[anew]], self._parent[self._second[anew]]
        same = ~anew
        self._first, self._second = self._first[same], self._second[same]
        self._mean, self._enough = self._mean[same], self._enough[same]
        self.meet(*near)

    def _part_anew(self, changed: NDArray[np.bool_]) -> None:
        """Say of what is apart to which groups it belongs now."""
        first, second = np.divmod(self._apart, len(self._parent))
        anew = changed[first] | changed[second]
        keys = self._keys(self._parent[first[anew]], self._parent[second[anew]])
        same = self._apart[~anew]
        self._apart = np.insert(same, np.searchsorted(same, keys), keys)

    def mutually_best(self) -> Pairs:
        """The pairs that satisfy the rule and in which each is the other's nearest, K x 2.

        Of several that are equally near it is the first.
        """
        enough = np.flatnonzero(self._enough)
        first, second, mean = self._first[enough], self._second[enough], self._mean[enough]
        best = np.full(len(self._parent), -np.inf, np.float32)
        place, rank = np.full(len(best), len(mean)), np.arange(len(mean))
        for side in (first, second):
            np.maximum.at(best, side, mean)
        for side in (first, second):
            top = mean == best[side]
            np.minimum.at(place, side[top], rank[top])
        mutual = (place[first] == rank) & (place[second] == rank)
        return np.stack([first[mutual], second[mutual]], axis=1)

    def _means(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
        """The mean cosine over all pairs of two groups, for some pairs of groups."""
        mean = np.empty(len(first), np.float32)

        def fill(at: int) -> None:
            one, other = first[at : at + STEP], second[at : at + STEP]
            product = np.einsum("ij,ij->i", self._total[one], self._total[other])
            mean[at : at + STEP] = product / (self._size[one] * self._size[other])

        starts = range(0, len(first), STEP)
        if len(starts) > 1:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(fill, starts))
        else:
            fill(0)
        return mean

    def _keys(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pairs of different groups as one number each, sorted, each once."""
        keys = np.minimum(one, other) * len(self._parent) + np.maximum(one, other)
        keys = keys[one != other]
        keys.sort()  # numpy's unique hashes, which takes four times as long
        return np.asarray(keys[np.diff(keys, prepend=-1) > 0], np.int64)
