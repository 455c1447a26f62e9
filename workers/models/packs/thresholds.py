"""Thresholds and calibration of recognisers: the cosines at which two faces are one person's.

Measured by ``benchmarks/accuracy/thresholds.py`` on a folder of labelled people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.models.base import Image, Recogniser

FINGERPRINT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosines of one recogniser.

    ``threshold``: from here on a face is matched to a person of the gallery; ``margin``: its lead
    over the next person; ``cluster`` and ``cluster_group``: how alike two unnamed faces, and two
    large groups of them, must be on average to be joined (workers/clustering/cluster.py, at
    5,000 faces);
    ``decade``: the cosine by which a threshold rises per power of ten of the false match rate;
    ``fmr``: the share of impostor pairs that are at least as alike as a cosine, as points;
    ``calibration``: slope and intercept of the logistic from the cosine of a pair to the chance
    that it is one person, with as many such pairs as others; ``feature_lengths``: of features
    that say nothing and of those of a good face (workers/faces/quality.py). None where they
    were not measured.
    """

    threshold: float
    margin: float
    cluster: float
    cluster_group: float
    decade: float
    calibration: tuple[float, float] | None
    fmr: tuple[tuple[float, float], ...] = ()
    feature_lengths: tuple[float, float] | None = None


UNKNOWN = Thresholds(
    threshold=0.45, margin=0.05, cluster=0.55, cluster_group=0.50, decade=0.05, calibration=None
)
"""Cautious values for an ArcFace recogniser that was not measured."""

SFACE_FINGERPRINT = (
    0.085,
    -0.004,
    0.166,
    0.12,
    0.048,
    0.039,
    0.086,
    0.111,
    0.051,
    -0.091,
    -0.035,
    0.068,
)
"""The first values of SFace's embedding of the made-up crop."""

SFACE = Thresholds(
    threshold=0.45,
    margin=0.04,
    cluster=0.48,
    cluster_group=0.38,
    decade=0.047,
    calibration=(33.16, -12.57),
    fmr=((1e-2, 0.304), (1e-3, 0.370), (1e-4, 0.423), (1e-5, 0.470)),
    feature_lengths=(4.0, 13.0),
)
"""Thresholds of SFace, the recogniser of the embedded pack.

On 5,106 faces of 2,318 people (a part of LFW; 13 million impostor pairs): at 0.423 one impostor
pair in 10,000 is as alike and 99.3 % of genuine pairs are, at 0.470 one in 100,000 and 98.4 %.
The calibration was fitted on half of the people; on the other half what it calls 0.90 to 0.99
was right in 0.999, 0.10 to 0.50 in 0.298: it errs on the side of doubt."""

KNOWN = ((SFACE_FINGERPRINT, SFACE),)


def fingerprint_crop() -> Image:
    """A made-up crop, 1 x 112 x 112 x 3, whose embedding tells recognisers apart."""
    y, x = np.mgrid[:112, :112].astype(np.float64)
    waves = [np.sin(x / 7 + y / 11), np.sin(x / 13 - y / 5), np.cos((x - 56) * (y - 56) / 900)]
    return np.asarray(np.stack(waves, axis=-1) * 100 + 128, np.uint8)[None]


def thresholds_of(recogniser: Recogniser) -> Thresholds:
    """Thresholds of a recogniser, cautious ones where it is not known.

    It is known by its embeddings, not by its file: a folded, rewritten or fp16 form of a network
    is the same network.
    """
    embedding = recogniser.embed(fingerprint_crop())[0]
    for known, thresholds in KNOWN:
        start = embedding[: len(known)]
        if (
            len(start) == len(known)
            and np.abs(start - np.array(known)).max() < FINGERPRINT_TOLERANCE
        ):
            return thresholds
    return UNKNOWN
