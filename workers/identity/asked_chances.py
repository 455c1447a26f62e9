"""Chance that a group of unnamed faces is the person that it is most like.

It is that of matching/posterior, Bayes' rule over everybody that the group may be, with what is
known besides: matching has named none of its faces, and clustering has put it apart from those
that are named. So somebody who was found in the photos already is rarely in a further group, and
somebody who was not found at all often is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from workers.faces.evidence import Floats
from workers.matching.posterior import Chances, Likeness, Pictures
from workers.tables.columns import Numbers

FOUND = 0.01
"""Further groups of somebody who has named faces already: clusters seldom fall apart. Measured,
benchmarks/accuracy/review.py. The evidence alone would say far more: of strangers, those whose
clusters are most like a person are much like it."""
UNFOUND, WEIGHT = 0.2, 10
"""Groups of somebody who has no named face, before any was looked at, and the number of people that
this counts as beside those of the run, which corrects it."""
ROUNDS = 20
LEAST_MISSED = 0.02
"""Least share of one person's faces that matching is taken to miss."""
AT_THRESHOLD = math.log(1e3)
"""Logarithm of the likelihood ratio at the threshold of a pack that was never measured: about one
in 10,000 strangers reaches it, and one in ten of the same person ends there."""
MOST = math.log(1e6)


@dataclass(frozen=True, slots=True)
class Likely:
    """Whom each of G groups may be: evidence for the nearest person and the next, NaN for nobody.

    ``found`` says of either whether they have named faces already, ``references`` (G) is the number
    of the nearest person's.
    """

    first: Floats
    second: Floats
    found: NDArray[np.bool_]
    second_found: NDArray[np.bool_]
    references: Numbers
    pictures: Pictures


@dataclass(frozen=True, slots=True)
class Prior:
    """Expected groups of people who were found already, FOUND each, and of those who were not.

    ``groups`` are those that are asked about; ``found`` and ``unfound`` are numbers of people.
    """

    groups: int
    found: int
    unfound: int
    of_unfound: float = UNFOUND

    @property
    def anybody(self) -> float:
        """Share of the groups that are of somebody known."""
        expected = self.found * FOUND + self.unfound * self.of_unfound
        return min(expected / max(self.groups, 1), 0.9)

    def of(self, found: NDArray[np.bool_]) -> Chances:
        """Share of the groups that are of one person, found already or not."""
        each = np.where(found, FOUND, self.of_unfound)
        return np.asarray(np.minimum(each / max(self.groups, 1), 0.5), np.float64)


@dataclass(frozen=True, slots=True)
class GroupChances:
    """Figures of a pack and a run that the chances follow from."""

    likeness: Likeness | None
    threshold: float
    cosine_per_decade: float
    prior: Prior

    @classmethod
    def of(cls, pack: PackRecord, prior: Prior) -> GroupChances:
        """The figures of a pack; one that was never measured goes by its threshold alone."""
        likeness = Likeness.of(pack.fmr, pack.calibration)
        return cls(likeness, pack.threshold, pack.cosine_per_decade, prior)

    def of_groups(self, likely: Likely) -> Floats:
        """Chances that the nearest person is right: 0 where there is nobody."""
        return np.asarray(self._by(self.prior, likely, self._ratios(likely)), np.float32)

    def _ratios(self, likely: Likely) -> tuple[Chances, Chances, Chances]:
        """Likelihood ratios of the nearest person, the next, and those behind, to strangers."""
        second = self._ratio(likely.second, likely)
        second = np.where(np.isnan(likely.second), 0, second)
        nearest = np.where(np.isnan(likely.first), 0, self._ratio(likely.first, likely))
        return nearest, second, self._behind(likely)

    def _by(
        self, prior: Prior, likely: Likely, ratios: tuple[Chances, Chances, Chances]
    ) -> Chances:
        """Chances by a prior."""
        nearest = prior.of(likely.found) * ratios[0]
        other = prior.of(likely.second_found) * ratios[1]
        anybody = nearest + other + prior.anybody * ratios[2]
        return np.asarray(nearest / (anybody + 1 - prior.anybody), np.float64)

    def _ratio(self, evidence: Floats, likely: Likely) -> Chances:
        """Likelihood ratios of one person whom matching has missed, to strangers."""
        evidence = np.nan_to_num(evidence, nan=-1.0)
        if self.likeness is None:
            decades = (evidence - self.threshold) / self.cosine_per_decade
            logarithm = np.minimum(AT_THRESHOLD + math.log(10) * decades, MOST)
            return np.asarray(np.exp(logarithm), np.float64)
        some = np.maximum(likely.references, 1)
        ratio = self.likeness.log_ratio(evidence, likely.pictures, some)
        ends = np.full(len(some), self.threshold, np.float32)
        missed = self.likeness.ratio_below(ends, likely.pictures, some)
        return np.asarray(np.exp(ratio) / np.maximum(missed, LEAST_MISSED), np.float64)

    def _behind(self, likely: Likely) -> Chances:
        """Likelihood ratios of people of whom is known only that they are less like the group."""
        if self.likeness is None:
            return np.ones(len(likely.references))
        second = np.nan_to_num(likely.second, nan=-1.0)
        some = np.maximum(likely.references, 1)
        return self.likeness.ratio_below(second, likely.pictures, some)

    def learnt(self, likely: Likely) -> GroupChances:
        """The same with expected groups as a run's own groups tell, by expectation maximisation.

        Rounded, so that the order of the groups changes nothing.
        """
        prior, ratios = self.prior, self._ratios(likely)
        for _ in range(ROUNDS):
            chance = self._by(prior, likely, ratios)
            groups = float(chance[~likely.found].sum()) + WEIGHT * UNFOUND
            prior = replace(prior, of_unfound=round(groups / (prior.unfound + WEIGHT), 4))
        return replace(self, prior=prior)
