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
PARTS = ("quality", "sharpness", "certainty", "outside")
"""The stored columns of a face that its weaknesses follow from."""

BLUR = ((0.40, 2.4), (0.45, 2.0), (0.50, 1.5), (0.60, 0.5), (0.70, 0.0))
"""Quality, and the root of the powers of ten by which it makes a false match likelier."""
CUT = ((0.15, 0.0), (0.30, 1.0), (0.45, 1.6), (0.60, 2.0))
"""Share of the crop outside the photo, and the same."""


def weaknesses(parts: Mapping[str, Floats], cosine_per_decade: float) -> Floats:
    """Weaknesses of N faces by their ``parts``, N each: N x K, 0 or more.

    A part that was not measured is NaN, or left out; ``quality`` never is. ``cosine_per_decade``
    is the pack's rise of the cosine per power of ten of the false match rate.
    """
    quality = parts["quality"]
    outside = np.nan_to_num(parts.get("outside", np.zeros_like(quality)))
    kinds = [_by_table(quality, BLUR), _by_table(outside, CUT)]
    return np.asarray(np.sqrt(cosine_per_decade) * np.stack(kinds, axis=1), np.float32)


def _by_table(values: Floats, table: tuple[tuple[float, float], ...]) -> Floats:
    """Values of a function that is linear between the points of a table, and flat beyond them."""
    return np.asarray(np.interp(values, *np.transpose(table)), np.float32)


def evidence(cosines: Floats, one: Floats, other: Floats) -> Floats:
    """N x M cosines, less the products of the weaknesses: N x K and M x K."""
    return np.asarray(cosines - one @ other.T, np.float32)


def evidence_of_pairs(cosines: Floats, one: Floats, other: Floats) -> Floats:
    """N cosines of pairs, less the products of the weaknesses: N x K each."""
    return np.asarray(cosines - np.einsum("ij,ij->i", one, other), np.float32)
