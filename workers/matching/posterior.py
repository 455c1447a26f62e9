"""Chance that a face's nearest person is right: Bayes' rule over everybody that it may be.

A face is the nearest person, the runner-up, somebody else who is enrolled, or nobody of them. How
likely its evidence is under each follows from two normal distributions of a pair's evidence: of
strangers, through the pack's false match rates, and of one person, by the pack's logistic. The
prior, the share of the faces that are of enrolled people, is estimated from the run itself.

The method and what it was measured to give are in docs/calibration.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from workers.faces.evidence import Floats, Points
from workers.matching.match import NOBODY, Matches

Chances = NDArray[np.float64]
Numbers = NDArray[np.integer]

GENUINE: Points = (
    (0.42, -7.3),
    (0.52, -4.4),
    (0.60, 0.5),
    (0.70, 5.8),
    (0.80, 8.2),
    (0.90, 10.9),
    (0.96, 11.6),
)
"""Mean of pairs of one person by the quality of the face, in logits of the pack's logistic, which
knows how far genuine pairs are from impostors. Fitted: benchmarks/accuracy/reliability.py."""
SEVERAL: Points = ((1, 0.0), (2, 2.3), (3, 3.3), (5, 4.4), (10, 4.9))
"""What is added to this mean by the number of the person's references: the best of them, and their
mean, are more alike to a face of that person."""
DEVIATION: Points = ((1, 3.65), (2, 2.8), (3, 2.65), (5, 2.55))
"""Deviation of these pairs by the number of references, in the same logits."""
STRANGERS: Points = ((0.0, 0.0), (0.5, -0.35), (1.0, -0.42), (2.5, -0.46), (3.7, -0.68))
"""Shift of the mean of pairs of strangers by the weaknesses of the face, in their deviations: a
blurred or cut face is less like a good reference, whoever is on it; one of low quality that is
neither is not. Measured as the shift of the evidence at a false match rate of 1 in 1,000."""
MOST = math.log(1e6)
"""Largest logarithm of a likelihood ratio: of a million pairs some are twins, or one person who is
enrolled under two names."""
LEAST_ENROLLED, MOST_ENROLLED = 0.01, 0.99
"""Bounds of the estimated share of faces that are of enrolled people."""
ROUNDS = 50
_NORMAL = np.linspace(-9, 9, 3601)
_BELOW = np.array([NormalDist().cdf(value) for value in _NORMAL])
"""The standard normal distribution: its shares below values."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Figures of the pictures of N faces: their quality, and the sum of their weaknesses.

    ``lacking`` is in roots of powers of ten of the false match rate, as of ``faces/evidence``.
    """

    quality: Floats
    lacking: Floats

    @classmethod
    def of(cls, quality: Floats, weaknesses: Floats, cosine_per_decade: float) -> Pictures:
        """The figures by N x K weaknesses of a pack."""
        units = np.float32(math.sqrt(cosine_per_decade))
        return cls(quality, np.asarray(weaknesses.sum(axis=1) / units, np.float32))

    def __len__(self) -> int:
        return len(self.quality)

    def at(self, rows: NDArray[np.int64]) -> Pictures:
        """Select some faces."""
        return Pictures(self.quality[rows], self.lacking[rows])


@dataclass(frozen=True, slots=True)
class Likeness:
    """Normal distributions of the evidence of pairs of strangers, and of pairs of one person.

    That of strangers of good quality has a ``mean`` and a ``deviation``. That of one person has its
    mean at ``genuine`` logits of the pack's logistic, of ``slope`` and ``intercept``, by the face's
    quality, and the deviation ``spread`` by the number of references.
    """

    mean: float
    deviation: float
    slope: float
    intercept: float
    genuine: Points = GENUINE
    spread: Points = DEVIATION

    @classmethod
    def of(
        cls, fmr: Sequence[tuple[float, float]], calibration: tuple[float, float] | None
    ) -> Likeness | None:
        """The distributions of a pack; None where it was not measured.

        ``fmr`` are false match rates with their evidence, two at least, ``calibration`` slope and
        intercept of the logistic.
        """
        if calibration is None or len(fmr) < 2 or calibration[0] <= 0:
            return None
        normal = [NormalDist().inv_cdf(1 - rate) for rate, _ in fmr]
        deviation, mean = np.polyfit(normal, [evidence for _, evidence in fmr], 1).tolist()
        return cls(mean, deviation, *calibration) if deviation > 0 else None

    def log_ratio(self, evidence: Floats, faces: Pictures, references: Numbers) -> Chances:
        """Logarithms of the likelihood ratio of one person to strangers; they rise throughout.

        ``references`` (N) are those of the person: the best of r is for strangers r times as often
        so alike. The ratio of two normal densities turns at one point: beyond it, it keeps its
        value there.
        """
        one, strangers = self._of_one_person(faces, references), self._of_strangers(faces)
        bend = strangers.deviation**-2 - one.deviation**-2
        bend = np.where(bend == 0, 1e-9, bend)
        turn = (strangers.mean / strangers.deviation**2 - one.mean / one.deviation**2) / bend
        x = np.where(bend > 0, np.maximum(evidence, turn), np.minimum(evidence, turn))
        ratio = np.minimum(one.log_density(x) - strangers.log_density(x), MOST)
        return np.asarray(ratio - np.log(references), np.float64)

    def ratio_below(self, evidence: Floats, faces: Pictures, references: Numbers) -> Chances:
        """The same ratio for a person of whom is known only that the evidence is less."""
        one, strangers = self._of_one_person(faces, references), self._of_strangers(faces)
        of_strangers = strangers.below(evidence) ** references
        return np.asarray(np.minimum(one.below(evidence) / np.maximum(of_strangers, 1e-12), 1))

    def _of_one_person(self, faces: Pictures, references: Numbers) -> Normals:
        logits = _at(faces.quality, self.genuine) + _at(references, SEVERAL)
        deviation = _at(references, self.spread) / self.slope
        return Normals((logits - self.intercept) / self.slope, deviation)

    def _of_strangers(self, faces: Pictures) -> Normals:
        deviation = np.full(len(faces), self.deviation)
        return Normals(self.mean + _at(faces.lacking, STRANGERS) * self.deviation, deviation)


def _at(values: Floats | Numbers, points: Points) -> Chances:
    """Values of the function through these points."""
    return np.asarray(np.interp(values, *np.transpose(points)), np.float64)


@dataclass(frozen=True, slots=True)
class Normals:
    """Normal distributions of N faces: their means and deviations."""

    mean: Chances
    deviation: Chances

    def log_density(self, values: NDArray[np.floating]) -> Chances:
        """Logarithms of the densities, less that of the square root of two pi."""
        scaled = (values - self.mean) / self.deviation
        return np.asarray(-0.5 * scaled**2 - np.log(self.deviation), np.float64)

    def below(self, values: NDArray[np.floating]) -> Chances:
        """Shares below values."""
        scaled = (values - self.mean) / self.deviation
        return np.asarray(np.interp(scaled, _NORMAL, _BELOW), np.float64)


def nearest_is_right(
    matches: Matches,
    faces: Pictures,
    references: Numbers,
    likeness: Likeness | None,
    judged: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Chances that the nearest person of each of N faces is right; NaN where nothing can be said.

    ``references`` are the numbers of each enrolled person's. Only ``judged`` faces get a chance,
    and only they tell how many faces are of enrolled people.
    """
    chance = np.full(len(faces), np.nan, np.float32)
    known = matches.person != NOBODY
    known = known if judged is None else judged & known
    if likeness is None or not known.any():
        return chance
    rows = np.flatnonzero(known)
    odds = Odds.of(matches.at(rows), faces.at(rows), references, likeness)
    chance[rows] = odds.nearest_is_right(odds.enrolled())
    return chance


@dataclass(frozen=True, slots=True)
class Odds:
    """Likelihood ratios of N faces, each to that of a face of nobody who is enrolled.

    That the face is the ``nearest`` person, and that it is ``anybody`` who is enrolled, that
    person among them; before it was looked at, each enrolled person was as likely.
    """

    nearest: Chances
    anybody: Chances

    @classmethod
    def of(cls, matches: Matches, faces: Pictures, references: Numbers, likeness: Likeness) -> Odds:
        """Odds by the evidence for the nearest person and the runner-up, if there is one.

        People behind the runner-up are known to have less evidence than that one: they are taken
        to have the gallery's mean number of references.
        """
        people, second = len(references), matches.runner_up_evidence
        first, next_one = references[matches.person], references[matches.runner_up]
        typical = np.full(len(faces), max(round(references.mean()), 1))
        nearest = np.exp(likeness.log_ratio(matches.evidence, faces, first)) / people
        runner_up = np.exp(likeness.log_ratio(second, faces, next_one)) / people
        others = likeness.ratio_below(second, faces, typical) * max(people - 2, 0) / people
        return cls(nearest, nearest + np.nan_to_num(runner_up + others))

    def nearest_is_right(self, enrolled: float) -> Chances:
        """Chances of the nearest person, if a share ``enrolled`` of the faces is of the enrolled.

        That is known before the faces are looked at.
        """
        return enrolled * self.nearest / (enrolled * self.anybody + 1 - enrolled)

    def enrolled(self) -> float:
        """The share of the faces that are of enrolled people, by expectation maximisation.

        Two faces that nobody has seen, one of somebody enrolled, are counted too, so that the
        first few say little. Rounded, so that the order of the faces changes nothing.
        """
        share = 0.5
        for _ in range(ROUNDS):
            anybody = share * self.anybody / (share * self.anybody + 1 - share)
            share = float((anybody.sum() + 1) / (len(anybody) + 2))
            share = min(max(share, LEAST_ENROLLED), MOST_ENROLLED)
        return round(share, 4)
