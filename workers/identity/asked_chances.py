"""Chance that a group of faces is the person that it is most like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord
from workers.faces.evidence import Floats
from workers.matching.posterior import Likeness, Pictures
from workers.tables.columns import Numbers


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence of G groups for their nearest person and the next; NaN where there is nobody.

    ``pictures`` are those of the groups, ``known`` the pictures that each person's vectors rest on,
    times the faces of the group: the more, the more alike are a group and its person.
    """

    first: Floats
    second: Floats
    pictures: Pictures
    known: Numbers
    known_second: Numbers


@dataclass(frozen=True, slots=True)
class Chances:
    """Figures of a pack and a run that chances follow from.

    ``enrolled`` is the share of groups that are of somebody known, ``people`` how many they are.
    """

    likeness: Likeness | None
    threshold: float
    cosine_per_decade: float
    enrolled: float
    people: int

    @classmethod
    def of(cls, pack: PackRecord, enrolled: float, people: int) -> Chances:
        """The figures of a pack; one that was never measured goes by its threshold alone."""
        likeness = Likeness.of(pack.fmr, pack.calibration)
        return cls(likeness, pack.threshold, pack.cosine_per_decade, enrolled, max(people, 1))

    def of_groups(self, found: Evidence) -> Floats:
        """Chances that the nearest person is right: 0 where there is nobody."""
        if self.likeness is None:
            return self._unmeasured(found)
        return np.where(np.isnan(found.first), 0, self._measured(self.likeness, found))

    def _measured(self, likeness: Likeness, found: Evidence) -> Floats:
        """Chances by Bayes' rule, as of matching/posterior, for means of pictures."""
        second = np.nan_to_num(found.second, nan=-1.0)
        nearest = np.exp(_log_ratio(likeness, found.first, found.pictures, found.known))
        other = np.exp(_log_ratio(likeness, second, found.pictures, found.known_second))
        other = np.where(np.isnan(found.second), 0, other)
        some = np.clip(found.known, 1, MOST_KNOWN)
        behind = likeness.ratio_below(second, found.pictures, some) * max(self.people - 2, 0)
        anybody = self.enrolled * (nearest + other + behind) / self.people
        chance = self.enrolled * nearest / self.people / (anybody + 1 - self.enrolled)
        return np.asarray(chance, np.float32)

    def _unmeasured(self, found: Evidence) -> Floats:
        """Chances by the threshold: there one half, and tenfold odds for each power of ten."""
        decades = (np.nan_to_num(found.first, nan=-9.0) - self.threshold) / self.cosine_per_decade
        odds = np.power(10.0, np.clip(decades, -30, 6))
        lead = (found.first - found.second) / self.cosine_per_decade
        odds = np.where(np.isnan(lead), odds, odds * np.clip(lead, 0.01, 1))
        return np.asarray(odds / (1 + odds), np.float32)


MOST_KNOWN = 10
"""Pictures beyond which a mean grows no better."""


def _log_ratio(
    likeness: Likeness, evidence: Floats, pictures: Pictures, known: Numbers
) -> NDArray[np.float64]:
    """Logarithms of the likelihood ratio of one person to strangers, by means of pictures.

    Means are compared once, so that what the best of several references costs is given back.
    """
    some = np.clip(known, 1, MOST_KNOWN)
    ratio = likeness.log_ratio(np.nan_to_num(evidence, nan=-1.0), pictures, some)
    return np.asarray(ratio + np.log(some), np.float64)
