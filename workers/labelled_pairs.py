"""Pairs of faces of which it is known whose they are: genuine ones and impostors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cosines = NDArray[np.float32]


def labelled_pairs(
    descriptors: NDArray[np.float32], people: NDArray[np.int64], *, most: int = 3000
) -> tuple[Cosines, Cosines]:
    """Cosines of genuine and impostor pairs of R labelled descriptors, of ``most`` of them."""
    if len(people) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), most, replace=False))
        descriptors, people = descriptors[chosen], people[chosen]
    one, other = np.triu_indices(len(people), 1)
    cosines = (descriptors @ descriptors.T)[one, other]
    same = people[one] == people[other]
    return cosines[same], cosines[~same]
