"""Upper bounds of a share, from how often it was met in a sample. Pure."""

from __future__ import annotations

from math import exp, fsum, lgamma, log, log1p

CONFIDENCE = 0.95
"""Share of samples whose bound holds the true share, at least."""
_HALVINGS = 200
"""More than float64 can tell apart."""


def at_most(met: int, drawn: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of a share that was met ``met`` times in ``drawn`` draws.

    The share p at which so few or fewer would be met with the chance 1 - ``confidence``. It holds
    the true share in at least ``confidence`` of all samples. Source: C. J. Clopper, E. S. Pearson,
    Biometrika 26 (1934), 404-413. Raises ValueError where the numbers cannot be.
    """
    if not (0 <= met <= drawn and drawn > 0 and 0 < confidence < 1):
        raise ValueError(f"{met} of {drawn} at {confidence}")
    if met == drawn:
        return 1.0
    low, high = met / drawn, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if so_few(met, drawn, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def so_few(met: int, drawn: int, share: float) -> float:
    """Chance of ``met`` or fewer in ``drawn`` draws of something with a share; 0 < share < 1."""
    yes, no, whole = log(share), log1p(-share), lgamma(drawn + 1)
    return fsum(
        exp(whole - lgamma(k + 1) - lgamma(drawn - k + 1) + k * yes + (drawn - k) * no)
        for k in range(met + 1)
    )
