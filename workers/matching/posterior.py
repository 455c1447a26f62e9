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

Chances = NDArray[np.float64]

GENUINE: Points = (
    (0.42, -7.5),
    (0.52, -4.5),
    (0.60, 0.5),
    (0.70, 6.0),
    (0.80, 8.5),
    (0.90, 11.25),
    (0.96, 12.0),
)
"""Mean of pairs of one person by the quality of the face, in logits of the pack's logistic, which
knows how far genuine pairs are from impostors. Fitted: benchmarks/accuracy/reliability.py."""
GENUINE_DEVIATION = 4.0
"""Deviation of these pairs, in the same logits."""
STRANGERS: Points = ((0.45, -0.6), (0.65, -0.4), (0.80, -0.1), (0.90, 0.0))
"""Shift of the mean of pairs of strangers by the quality of the face, in their deviations: a poor
picture is less like a good reference, whoever is on it."""
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
class Likeness:
    """Normal distributions of the evidence of pairs of strangers, and of pairs of one person.

    That of strangers of good quality has a ``mean`` and a ``deviation``. That of one person follows
    from ``slope`` and ``intercept`` of the pack's logistic, with ``genuine_deviation`` in its
    logits. Both means fall with the face's quality.
    """

    mean: float
    deviation: float
    slope: float
    intercept: float
    genuine_deviation: float = GENUINE_DEVIATION

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

    def log_ratio(self, evidence: Floats, quality: Floats) -> Chances:
        """Logarithms of the likelihood ratio of one person to strangers; they rise throughout.

        The ratio of two normal densities turns at one point: beyond it, it keeps its value there.
        """
        one, strangers = self._of_one_person(quality), self._of_strangers(quality)
        x = evidence.astype(np.float64)
        bend = strangers.deviation**-2 - one.deviation**-2
        if bend:
            turn = strangers.mean * strangers.deviation**-2 - one.mean * one.deviation**-2
            x = np.maximum(x, turn / bend) if bend > 0 else np.minimum(x, turn / bend)
        ratio = np.minimum(one.log_density(x) - strangers.log_density(x), MOST)
        return np.asarray(ratio, np.float64)

    def ratio_below(self, evidence: Floats, quality: Floats) -> Chances:
        """The same ratio for a pair of which is known only that it has less evidence."""
        one, strangers = self._of_one_person(quality), self._of_strangers(quality)
        ratio = one.below(evidence) / np.maximum(strangers.below(evidence), 1e-12)
        return np.asarray(np.minimum(ratio, 1), np.float64)

    def _of_one_person(self, quality: Floats) -> Normals:
        logits = np.interp(quality, *np.transpose(GENUINE))
        return Normals((logits - self.intercept) / self.slope, self.genuine_deviation / self.slope)

    def _of_strangers(self, quality: Floats) -> Normals:
        shift = np.interp(quality, *np.transpose(STRANGERS))
        return Normals(self.mean + shift * self.deviation, self.deviation)


@dataclass(frozen=True, slots=True)
class Normals:
    """Normal distributions of N faces: their means and the deviation of all."""

    mean: Chances
    deviation: float

    def log_density(self, values: NDArray[np.floating]) -> Chances:
        """Logarithms of the densities, less that of the square root of two pi."""
        scaled = (values - self.mean) / self.deviation
        return np.asarray(-0.5 * scaled**2 - math.log(self.deviation))

    def below(self, values: NDArray[np.floating]) -> Chances:
        """Shares below values."""
        return np.interp((values - self.mean) / self.deviation, _NORMAL, _BELOW)


def nearest_is_right(
    evidence: Floats,
    runner_up: Floats,
    quality: Floats,
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
    of_known = (values[known] for values in (evidence, runner_up, quality))
    odds = Odds.of(*of_known, likeness=likeness, people=people, references=references)
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
        cls,
        evidence: Floats,
        runner_up: Floats,
        quality: Floats,
        *,
        likeness: Likeness,
        people: int,
        references: int,
    ) -> Odds:
        """Odds by the evidence for the nearest person and the runner-up, NaN without one.

        The best of a person's r references is for strangers about r times as often so alike.
        People behind the runner-up are known to have less evidence than that one.
        """
        nearest = np.exp(likeness.log_ratio(evidence, quality)) / references
        second = np.exp(likeness.log_ratio(runner_up, quality)) / references
        others = likeness.ratio_below(runner_up, quality) * max(people - 2, 0) / people
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
