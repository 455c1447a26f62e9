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
PARTS = ("quality", "sharpness", "outside")
"""The stored columns of a face that its weaknesses follow from."""

Points = tuple[tuple[float, float], ...]
"""Points of a function: linear between them, flat beyond them."""

SHARPNESS: Points = ((0.07, 7.2), (0.09, 5.8), (0.11, 4.5), (0.21, 4.4), (0.29, 3.0), (0.42, 0.0))
"""Blur by the sharpness, before the quality is known: roots of powers of ten by which strangers
are likelier to be as alike. Fitted, as all of these: benchmarks/accuracy/evidence.py."""
UNKNOWN_SHARPNESS = 5.0
"""The same where the sharpness was not measured."""
QUALITY: Points = ((0.47, 1.0), (0.55, 0.78), (0.62, 0.20), (0.70, 0.17), (0.80, 0.0))
"""Factor of the blur, by the quality: a sure detection and a sure embedding make up for it."""
CUT: Points = ((0.20, 0.0), (0.35, 0.5), (0.50, 2.9), (0.65, 3.5))
"""Weakness by the share of the crop outside the photo."""
MOST = 3.7
"""Largest weakness: more would change no decision on a pair, and weigh too much in a group."""


def weaknesses(parts: Mapping[str, Floats], cosine_per_decade: float) -> Floats:
    """Weaknesses of N faces by their ``parts``, N each: N x K, 0 or more.

    A part that was not measured is NaN, or left out; ``quality`` never is. ``cosine_per_decade``
    is the pack's rise of the cosine per power of ten of the false match rate.
    """
    quality = parts["quality"]
    unknown = np.full_like(quality, np.nan)
    sharpness, outside = parts.get("sharpness", unknown), parts.get("outside", unknown)
    blur = np.where(np.isnan(sharpness), UNKNOWN_SHARPNESS, _at(sharpness, SHARPNESS))
    kinds = [blur * _at(quality, QUALITY), _at(np.nan_to_num(outside), CUT)]
    units = np.sqrt(cosine_per_decade)
    return np.asarray(units * np.minimum(np.stack(kinds, axis=1), MOST), np.float32)


def _at(values: Floats, points: Points) -> Floats:
    """Values of the function through these points."""
    return np.asarray(np.interp(values, *np.transpose(points)), np.float32)


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
