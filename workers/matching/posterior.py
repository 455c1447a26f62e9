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

from workers.faces.evidence import Floats

Chances = NDArray[np.float64]

GENUINE_LOGITS, GENUINE_DEVIATION = 10.0, 4.0
"""Mean and deviation of a pair of one person, in logits of the pack's logistic, which knows how
far genuine pairs are from impostors. Fitted: benchmarks/accuracy/reliability.py."""
MOST = math.log(1e6)
"""Largest logarithm of a likelihood ratio: of a million pairs some are twins, or one person who is
enrolled under two names."""
LEAST_ENROLLED, MOST_ENROLLED = 0.05, 0.95
"""Bounds of the estimated share of faces that are of enrolled people."""
ROUNDS = 50
TABLE = 2001
"""Points of a distribution's table."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Normal distributions of the evidence of pairs of strangers, and of pairs of one person."""

    impostor: NormalDist
    genuine: NormalDist

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
        deviation, mean = np.polyfit(normal, [evidence for _, evidence in fmr], 1)
        if deviation <= 0:
            return None
        slope, intercept = calibration
        genuine = NormalDist((GENUINE_LOGITS - intercept) / slope, GENUINE_DEVIATION / slope)
        return cls(NormalDist(float(mean), float(deviation)), genuine)

    def log_ratio(self, evidence: Floats) -> Chances:
        """Logarithms of the likelihood ratio of one person to strangers; they rise throughout.

        The ratio of two normal densities turns at one point: beyond it, it keeps its value there.
        """
        one, other = self.genuine, self.impostor
        x = evidence.astype(np.float64)
        bend = 1 / other.variance - 1 / one.variance
        if bend:
            turn = (other.mean / other.variance - one.mean / one.variance) / bend
            x = np.maximum(x, turn) if bend > 0 else np.minimum(x, turn)
        of_one = -0.5 * ((x - one.mean) / one.stdev) ** 2 - math.log(one.stdev)
        of_other = -0.5 * ((x - other.mean) / other.stdev) ** 2 - math.log(other.stdev)
        return np.minimum(of_one - of_other, MOST)

    def log_below(self, evidence: Floats) -> Chances:
        """Logarithms of the same ratio for a pair of which is known only that it has less."""
        both = np.array([_cdf(self.genuine, evidence), _cdf(self.impostor, evidence)])
        one, other = np.log(np.maximum(both, 1e-12))
        return np.asarray(np.minimum(one - other, 0))


def _cdf(normal: NormalDist, values: Floats) -> Chances:
    """Shares of a distribution below N values, from a table."""
    at = np.linspace(-1, 1, TABLE)
    return np.interp(values, at, [normal.cdf(value) for value in at])


def nearest_is_right(
    evidence: Floats,
    runner_up: Floats,
    likeness: Likeness | None,
    *,
    people: int,
    references: int,
    judged: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Chances that the nearest person of each of N faces is right; NaN where nothing can be said.

    ``evidence`` and ``runner_up`` are those of the two nearest of ``people`` with ``references``
    in all, NaN where there is none. Only ``judged`` faces get a chance, and only they tell how
    many faces are of enrolled people.
    """
    chance = np.full(len(evidence), np.nan, np.float32)
    known = ~np.isnan(evidence) if judged is None else judged & ~np.isnan(evidence)
    if likeness is None or not known.any():
        return chance
    odds = Odds.of(evidence[known], runner_up[known], likeness, people, references)
    chance[known] = odds.nearest_is_right(odds.enrolled())
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
    def of(
        cls, evidence: Floats, runner_up: Floats, likeness: Likeness, people: int, references: int
    ) -> Odds:
        """Odds by the evidence for the nearest person and the runner-up, NaN without one.

        The best of a person's r references is for strangers about r times as often so alike.
        People behind the runner-up are known to have less evidence than that one.
        """
        nearest = np.exp(likeness.log_ratio(evidence)) / references
        second = np.exp(likeness.log_ratio(runner_up)) / references
        others = np.exp(likeness.log_below(runner_up)) * max(people - 2, 0) / people
        return cls(nearest, nearest + np.nan_to_num(second + others))

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
