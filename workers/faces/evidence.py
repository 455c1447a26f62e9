"""Evidence of a pair of faces: its cosine, less what both pictures lack alike.

Blurred faces resemble one another, whoever they are: the cosine of two of them says less than that
of two sharp ones. A weakness is what a face's picture lacks, of one kind (blur, a part cut off), in
units of which the product of two faces' is what their cosine is worth less. Where one picture is
good, nothing is taken off. This is a quality measure function of speaker verification (Mandasari
et al. 2013, https://doi.org/10.1109/TASL.2013.2279332), in the form of a product, so that sums of
embeddings and of weaknesses give the mean evidence of two groups.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

KINDS = ("blur", "cut")
"""Kinds of weakness, one column each."""
PARTS = ("quality",)
"""The stored columns of a face that its weaknesses follow from."""


def weaknesses(parts: Mapping[str, Floats], cosine_per_decade: float) -> Floats:
    """Weaknesses of N faces by their ``parts``, N each: N x K, 0 or more.

    A stand-in until the functions are measured: blur alone, by the quality alone.
    ``cosine_per_decade`` is the pack's rise of the cosine per power of ten of the false match rate.
    """
    blur = np.interp(parts["quality"], (0.4, 0.6), (2.3, 0.0)) * cosine_per_decade**0.5
    return np.asarray(np.stack([blur, np.zeros_like(blur)], axis=1), np.float32)


def evidence(cosines: Floats, one: Floats, other: Floats) -> Floats:
    """N x M cosines, less the products of the weaknesses: N x K and M x K."""
    return np.asarray(cosines - one @ other.T, np.float32)


def evidence_of_pairs(cosines: Floats, one: Floats, other: Floats) -> Floats:
    """N cosines of pairs, less the products of the weaknesses: N x K each."""
    return np.asarray(cosines - np.einsum("ij,ij->i", one, other), np.float32)


def widened(embeddings: Floats, weak: Floats) -> Floats:
    """Embeddings, N x D, with their weaknesses, N x K, as further columns: N x (D + K)."""
    return np.concatenate([embeddings, weak], axis=1, dtype=np.float32)


def opposed(vectors: Floats) -> Floats:
    """Widened vectors with negative weaknesses: products with widened ones are evidence."""
    signs = np.ones(vectors.shape[1], np.float32)
    signs[-len(KINDS) :] = -1
    return np.asarray(vectors * signs, np.float32)


def no_weaknesses(count: int) -> Floats:
    """The weaknesses of ``count`` faces that have none."""
    return np.zeros((count, len(KINDS)), np.float32)
