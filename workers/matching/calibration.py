"""Calibration: from false match rates to evidence, and from evidence to probabilities.

Evidence of a pair whose pictures are good is its cosine (workers/faces/evidence.py).

The method and its sources are in docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.faces.evidence import Floats
from workers.matching.impostors import ImpostorPairs, Weights

FEWEST = 200
"""Least number of pairs of either kind to calibrate by."""
REPORTED = (1e-2, 1e-3, 1e-4, 1e-5)
"""False match rates whose evidence is measured."""

Points = Sequence[tuple[float, float]]
"""False match rates of a pair, and the evidence of each."""


def evidence_at(fmr: float, points: Points, cosine_per_decade: float) -> float:
    """Evidence at a false match rate: a share ``fmr`` of impostor pairs reaches it.

    Linear between ``points`` in the logarithm of the rate, beyond them ``cosine_per_decade`` per
    power of ten. Raises ValueError where there are no points.
    """
    if not points:
        raise ValueError("no false match rates are known")
    known = sorted((-np.log10(rate), found) for rate, found in points)
    wanted = -np.log10(fmr)
    (low, least), (high, most) = known[0], known[-1]
    if wanted <= low:
        return float(least - cosine_per_decade * (low - wanted))
    if wanted >= high:
        return float(most + cosine_per_decade * (wanted - high))
    return float(np.interp(wanted, [rate for rate, _ in known], [found for _, found in known]))


def search_threshold(
    least: float,
    points: Points,
    cosine_per_decade: float,
    *,
    references: int,
    false_positives: float,
) -> float:
    """Threshold of a search among ``references`` references, at least ``least``.

    A face of nobody in the gallery is compared with every reference, so that about
    references x FMR of such searches find somebody. The false match rate of one pair must be
    ``false_positives`` over the number of references. Without ``points``, ``least`` is taken to
    hold for 100 references.
    """
    if points:
        wanted = evidence_at(false_positives / max(references, 1), points, cosine_per_decade)
    else:
        wanted = least + cosine_per_decade * np.log10(max(references, 1) / 100)
    return float(min(max(least, wanted), 1.0))


def logistic(
    genuine: Floats, impostor: Floats, weight_of: Weights | None = None
) -> tuple[float, float]:
    """Fit slope and intercept from evidence to probability, by Newton's method.

    Genuine and impostor pairs have half of the weight each; ``weight_of`` shares out that of the
    impostor pairs.
    """
    x = np.concatenate([genuine, impostor]).astype(np.float64)
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    share = np.ones(len(impostor)) if weight_of is None else weight_of
    weight = np.append(np.full(len(genuine), 0.5 / len(genuine)), 0.5 * share / share.sum())
    design = np.stack([x, np.ones_like(x)], axis=1)
    beta = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        gradient = design.T @ (weight * (y - chance)) - 1e-6 * beta
        hessian = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return float(beta[0]), float(beta[1])


@dataclass(frozen=True, slots=True)
class Calibration:
    """Genuine and impostor pairs, and the figures that follow; ``genuine`` may be empty."""

    genuine: Floats
    impostor: ImpostorPairs

    @property
    def enough(self) -> bool:
        """Whether there are enough impostor pairs to calibrate by."""
        return len(self.impostor) >= FEWEST

    def points(self) -> tuple[tuple[float, float], ...]:
        """False match rates and their evidence, which never falls as the rate falls.

        Frequent rates are counted and rare ones follow the normal tail. Where the counted tail
        ends above the normal one, its last value is kept.
        """
        found = np.maximum.accumulate([self.impostor.tail(fmr) for fmr in REPORTED])
        return tuple(zip(REPORTED, found.tolist(), strict=True))

    def tmr(self, evidence: float) -> float | None:
        """True match rate at so much evidence; None without genuine pairs."""
        return float((self.genuine >= evidence).mean()) if len(self.genuine) else None

    def probability(
        self, pack: tuple[float, float] | None, pack_points: Points, cosine_per_decade: float
    ) -> tuple[float, float] | None:
        """Slope and intercept from evidence to probability.

        With FEWEST genuine pairs they are fitted to the pairs. With fewer, the pack's own curve
        is shifted by the difference of the impostors' evidence here and where the pack was
        measured; None for a pack that never was.
        """
        if len(self.genuine) >= FEWEST:
            return logistic(self.genuine, self.impostor.evidence, self.impostor.weight)
        if pack is None or not pack_points:
            return None
        moved = self.impostor.tail(1e-3) - evidence_at(1e-3, pack_points, cosine_per_decade)
        return pack[0], pack[1] - pack[0] * moved
