"""Pairs of labelled faces: genuine ones and impostors. Needs numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cosines = NDArray[np.float32]


def labelled_pairs(
    embeddings: NDArray[np.float32], people: NDArray[np.int64], *, most: int = 3000
) -> tuple[Cosines, Cosines]:
    """Cosines of genuine and impostor pairs of R labelled embeddings, of ``most`` of them."""
    if len(people) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), most, replace=False))
        embeddings, people = embeddings[chosen], people[chosen]
    one, other = np.triu_indices(len(people), 1)
    cosines = (embeddings @ embeddings.T)[one, other]
    same = people[one] == people[other]
    return cosines[same], cosines[~same]
