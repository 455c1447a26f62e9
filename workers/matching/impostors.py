"""Impostor pairs: evidence of two faces of different people, each photo with the same weight.

The reasons for this choice of pairs are in docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from workers.clustering.cluster import MIRROR
from workers.faces.evidence import Floats, evidence_of_pairs
from workers.tables.columns import NONE, Numbers

ENOUGH = 30
"""A quantile is counted where so many impostor pairs lie beyond it; further out the tail is taken
to be normal."""
MOST_FACES = 2000
"""Faces of a sample at most, and references."""
RESAMPLED = 40
"""Draws of the photos from which the confidence interval of a threshold is made."""

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FaceSample:
    """Sample of F faces, from which impostor pairs are made.

    ``embeddings`` is F x D, of unit length, ``weaknesses`` F x K. Faces of one ``group`` (F), such
    as a photo, make no pair, and every group has the same weight. ``labels`` (S x F) are S kinds
    of label of each face, NONE for none: faces with a label in common make no pair either.
    """

    embeddings: NDArray[np.float32]
    weaknesses: NDArray[np.float32]
    group: Numbers
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImpostorPairs:
    """K impostor pairs, from most evidence: evidence, weights, and the groups of both faces."""

    evidence: Floats
    weight: Weights
    one: NDArray[np.int32]
    other: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.evidence)

    @classmethod
    def concatenate(cls, parts: Sequence[ImpostorPairs]) -> ImpostorPairs:
        """Join the pairs of several samples, whose groups are numbered in turn."""
        starts = np.cumsum([0, *(part.groups for part in parts)]).tolist()
        shifted = list(zip(parts, starts, strict=False))
        none = np.zeros(0, np.int32)
        found = np.concatenate([none.astype(np.float32), *(part.evidence for part in parts)])
        order = np.argsort(-found, kind="stable")
        return cls(
            found[order],
            np.concatenate([none.astype(np.float64), *(part.weight for part in parts)])[order],
            np.concatenate([none, *(part.one + start for part, start in shifted)])[order],
            np.concatenate([none, *(part.other + start for part, start in shifted)])[order],
        )

    @property
    def groups(self) -> int:
        """One more than the highest number of a group."""
        return max(int(self.one.max()), int(self.other.max())) + 1 if len(self) else 0

    def tail(self, fmr: float) -> float:
        """Evidence that a share ``fmr`` of the pairs reaches."""
        return tail_evidence(self.evidence, self.weight, fmr, counted=self._counts(fmr))

    def _counts(self, fmr: float) -> bool:
        """Whether there are enough pairs to count the evidence of this share."""
        reached = np.cumsum(self.weight)
        return enough(self.weight[: np.searchsorted(reached, fmr * reached[-1])])

    def rate(self, evidence: float) -> float:
        """Share of the pairs that reaches so much evidence: the inverse of ``tail``."""
        beyond = int(np.searchsorted(-self.evidence, -evidence, side="right"))
        if enough(self.weight[:beyond]):
            return float(self.weight[:beyond].sum() / self.weight.sum())
        return 1 - normal(self.evidence, self.weight).cdf(evidence)

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
                evidence = self.evidence[drawn]
                found.append(tail_evidence(evidence, weight[drawn], fmr, counted=counted))
        low, high = np.quantile(found, [0.05, 0.95])
        return float(low), float(high)


def tail_evidence(impostor: Floats, weight: Weights, fmr: float, *, counted: bool) -> float:
    """Evidence that a share ``fmr`` of weighted impostor pairs, from the most, reaches.

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


def normal(impostor: Floats, weight: Weights) -> NormalDist:
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
    found = evidence_of_pairs(cosine, sample.weaknesses[one], sample.weaknesses[other])
    order = np.argsort(-found, kind="stable")
    order = order[cosine[order] < MIRROR]
    share = 1 / np.bincount(sample.group)[sample.group] if len(sample.group) else np.zeros(0)
    one, other = one[order], other[order]
    return ImpostorPairs(
        found[order],
        share[one] * share[other],
        sample.group[one].astype(np.int32),
        sample.group[other].astype(np.int32),
    )


def references(embeddings: Floats, weaknesses: Floats, people: Numbers) -> FaceSample:
    """Sample of at most MOST_FACES of R references; the person of each is its group.

    Two people who share a picture are one person under two names: they make no pair.
    """
    if len(people) > MOST_FACES:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), MOST_FACES, replace=False))
        embeddings, weaknesses = embeddings[chosen], weaknesses[chosen]
        people = people[chosen]
    same = embeddings @ embeddings.T >= MIRROR
    same &= people[:, None] < people
    really = np.arange(people.max() + 1) if len(people) else people
    for one, other in people[np.argwhere(same)].tolist():
        really[really == really[other]] = really[one]
    return FaceSample(embeddings, weaknesses, people, really[people][None])


def genuine_pairs(sample: FaceSample) -> Floats:
    """Evidence of the pairs of one group, such as a person's references, below MIRROR."""
    one, other = np.triu_indices(len(sample.group), 1)
    same = sample.group[one] == sample.group[other]
    one, other = one[same], other[same]
    cosine = np.einsum("ij,ij->i", sample.embeddings[one], sample.embeddings[other])
    found = evidence_of_pairs(cosine, sample.weaknesses[one], sample.weaknesses[other])
    return np.asarray(found[cosine < MIRROR], np.float32)
