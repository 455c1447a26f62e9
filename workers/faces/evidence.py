"""Evidence of a pair of faces: its cosine, less what both pictures lack alike.

Blurred faces resemble one another, whoever they are: the cosine of two of them says less than that
of two sharp ones. A weakness is what a face's picture lacks, of one kind (blur, a part cut off), in
units of which the product of two faces' is what their cosine is worth less. Where one picture is
good, nothing is taken off. This is a quality measure function of speaker verification (Mandasari
et al. 2013, https://doi.org/10.1109/TASL.2013.2279332), in the form of a product, so that sums of
embeddings and of weaknesses give the mean evidence of two groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

KINDS = ("blur", "cut")
"""Kinds of weakness, one column each."""


def evidence(cosines: Floats, one: Floats, other: Floats) -> Floats:
    """N x M cosines, less the products of the weaknesses: N x K and M x K."""
    return np.asarray(cosines - one @ other.T, np.float32)


def evidence_of_pairs(cosines: Floats, one: Floats, other: Floats) -> Floats:
    """N cosines of pairs, less the products of the weaknesses: N x K each."""
    return np.asarray(cosines - np.einsum("ij,ij->i", one, other), np.float32)
