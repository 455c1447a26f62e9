"""Impostor pairs: cosines of two faces of different people, each photo with the same weight.

The reasons for this choice of pairs are in docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from workers.clustering.cluster import MIRROR
from workers.tables.columns import NONE, Numbers

ENOUGH = 30
"""A quantile is counted where so many impostor pairs lie beyond it; further out the tail is taken
to be normal."""
MOST_FACES = 2000
"""Faces of a sample at most, and references."""
RESAMPLED = 40
"""Draws of the photos from which the confidence interval of a cosine is made."""

Cosines = NDArray[np.float32]
Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FaceSample:
    """Sample of K faces, from which impostor pairs are made.

    ``embeddings`` is K x D, of unit length. Faces of one ``group`` (K), such as a photo, make no
    pair, and every group has the same weight. ``labels`` (S x K) are S kinds of label of each
    face, NONE for none: faces with a label in common make no pair either.
    """

    embeddings: NDArray[np.float32]
    group: Numbers
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImpostorPairs:
    """K impostor pairs, from the highest cosine: cosines, weights, and the groups of both faces."""

    cosine: Cosines
    weight: Weights
    one: NDArray[np.int32]
    other: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.cosine)

    @classmethod
    def concatenate(cls, parts: Sequence[ImpostorPairs]) -> ImpostorPairs:
        """Join the pairs of several samples, whose groups are numbered in turn."""
        starts = np.cumsum([0, *(part.groups for part in parts)]).tolist()
        shifted = list(zip(parts, starts, strict=False))
        none = np.zeros(0, np.int32)
        cosine = np.concatenate([none.astype(np.float32), *(part.cosine for part in parts)])
        order = np.argsort(-cosine, kind="stable")
        return cls(
            cosine[order],
            np.concatenate([none.astype(np.float64), *(part.weight for part in parts)])[order],
            np.concatenate([none, *(part.one + start for part, start in shifted)])[order],
            np.concatenate([none, *(part.other + start for part, start in shifted)])[order],
        )

    @property
    def groups(self) -> int:
        """One more than the highest number of a group."""
        return max(int(self.one.max()), int(self.other.max())) + 1 if len(self) else 0

    def tail(self, fmr: float) -> float:
        """Cosine that a share ``fmr`` of the pairs reaches."""
        return tail_cosine(self.cosine, self.weight, fmr, counted=self._counts(fmr))

    def _counts(self, fmr: float) -> bool:
        """Whether there are enough pairs to count the cosine of this share."""
        reached = np.cumsum(self.weight)
        return enough(self.weight[: np.searchsorted(reached, fmr * reached[-1])])

    def rate(self, cosine: float) -> float:
        """Share of the pairs that reaches a cosine: the inverse of ``tail``."""
        beyond = int(np.searchsorted(-self.cosine, -cosine, side="right"))
        if enough(self.weight[:beyond]):
            return float(self.weight[:beyond].sum() / self.weight.sum())
        return 1 - normal(self.cosine, self.weight).cdf(cosine)

    def interval(self, fmr: float) -> tuple[float, float]:
        """Confidence interval of ``tail``, 90 %, by a bootstrap over the groups.

        Pairs that share a face are not independent, groups are (Efron and Tibshirani 1993).
        """
        random, count, found = np.random.default_rng(0), self.groups, []
        present = np.unique(np.concatenate([self.one, self.other]))
        if not len(self):
            return -1.0, 1.0
        counted = self._counts(fmr)  # one method for all draws, so that they can be compared
        for _ in range(RESAMPLED):
            times = np.bincount(random.choice(present, len(present)), minlength=count)
            weight = self.weight * times[self.one] * times[self.other]
            drawn = weight > 0
            if drawn.any():
                cosine = self.cosine[drawn]
                found.append(tail_cosine(cosine, weight[drawn], fmr, counted=counted))
        low, high = np.quantile(found, [0.05, 0.95])
        return float(low), float(high)


def tail_cosine(impostor: Cosines, weight: Weights, fmr: float, *, counted: bool) -> float:
    """Cosine that a share ``fmr`` of weighted impostor pairs, from the highest cosine, reaches.

    It is the quantile where that can be ``counted``. Otherwise it is read off the normal
    distribution of the pairs' mean and deviation, which embeddings follow closely.
    """
    if counted:
        reached = np.cumsum(weight)
        return float(impostor[np.searchsorted(reached, fmr * reached[-1])])
    alike = normal(impostor, weight)
    return alike.inv_cdf(1 - fmr) if alike.stdev else alike.mean


def enough(weight: Weights) -> bool:
    """Whether the effective number of pairs with these weights reaches ENOUGH.

    It is the square of the weights' sum over the sum of their squares (Kish 1965, Survey
    Sampling).
    """
    return bool(weight.sum() ** 2 >= ENOUGH * (weight**2).sum() > 0)


def normal(impostor: Cosines, weight: Weights) -> NormalDist:
    """Normal distribution of the mean and deviation of weighted pairs."""
    mean = float(np.average(impostor, weights=weight))
    return NormalDist(mean, float(np.average((impostor - mean) ** 2, weights=weight)) ** 0.5)


def impostor_pairs(sample: FaceSample) -> ImpostorPairs:
    """Make the pairs of faces that nothing says are one person.

    Pairs of one group or with a label in common are left out, and so are pairs at the cosine
    MIRROR or above: those are the same picture. Every pair of groups has the same weight.
    """
    one, other = np.triu_indices(len(sample.group), 1)
    kept = sample.group[one] != sample.group[other]
    for label in sample.labels:
        kept &= (label[one] != label[other]) | (label[one] == NONE)
    one, other = one[kept], other[kept]
    cosine = (sample.embeddings @ sample.embeddings.T)[one, other]
    order = np.argsort(-cosine, kind="stable")
    order = order[cosine[order] < MIRROR]
    share = 1 / np.bincount(sample.group)[sample.group] if len(sample.group) else np.zeros(0)
    one, other = one[order], other[order]
    return ImpostorPairs(
        cosine[order],
        share[one] * share[other],
        sample.group[one].astype(np.int32),
        sample.group[other].astype(np.int32),
    )


def references(embeddings: NDArray[np.float32], people: Numbers) -> FaceSample:
    """Sample of at most MOST_FACES of R references; the person of each is its group.

    Two people who share a picture are one person under two names: they make no pair.
    """
    if len(people) > MOST_FACES:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), MOST_FACES, replace=False))
        embeddings, people = embeddings[chosen], people[chosen]
    same = embeddings @ embeddings.T >= MIRROR
    same &= people[:, None] < people
    really = np.arange(people.max() + 1) if len(people) else people
    for one, other in people[np.argwhere(same)].tolist():
        really[really == really[other]] = really[one]
    return FaceSample(embeddings, people, really[people][None])
