"""Whether two ways of analysing photos find the same faces: a pure function of what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.models.detectors.boxes import overlaps

SAME_FACE = 0.5
"""Intersection over union of two boxes of one face."""
MOST_PIXELS_APART = 1.0
LEAST_COSINE = 0.999


class Seen(Protocol):
    """The faces of a photo: boxes N x 4, landmarks N x 5 x 2, embeddings N x D, usable N."""

    @property
    def boxes(self) -> NDArray[np.float32]: ...
    @property
    def landmarks(self) -> NDArray[np.float32]: ...
    @property
    def embeddings(self) -> NDArray[np.float32]: ...
    @property
    def usable(self) -> NDArray[np.bool_]: ...


@dataclass(frozen=True, slots=True)
class Agreement:
    """Faces of the reference and of the other way, and how far the same ones lie apart.

    ``alone`` are faces that one way alone has; ``landmarks`` are pixels at most, ``cosine`` is the
    least of usable faces. None where no face is common.
    """

    photos: int
    faces_cpu: int
    faces: int
    alone: int
    landmarks: float | None
    cosine: float | None

    @property
    def passes(self) -> bool:
        """Verdict: the same faces, landmarks within a pixel, cosine 0.999 or more."""
        return (
            self.alone == 0
            and self.landmarks is not None
            and self.landmarks <= MOST_PIXELS_APART
            and (self.cosine is None or self.cosine >= LEAST_COSINE)
        )


def agreement(reference: Sequence[Seen], others: Sequence[Seen]) -> Agreement:
    """Compare photo by photo, each face with the one that lies best on it."""
    apart: list[float] = []
    cosines: list[float] = []
    alone = 0
    for one, other in zip(reference, others, strict=True):
        pairs = _pairs(one, other)
        alone += len(one.boxes) + len(other.boxes) - 2 * len(pairs)
        for a, b in pairs:
            apart.append(float(np.abs(one.landmarks[a] - other.landmarks[b]).max()))
            if one.usable[a]:
                cosines.append(float(one.embeddings[a] @ other.embeddings[b]))
    return Agreement(
        photos=len(reference),
        faces_cpu=sum(len(one.boxes) for one in reference),
        faces=sum(len(other.boxes) for other in others),
        alone=alone,
        landmarks=max(apart, default=None),
        cosine=min(cosines, default=None),
    )


def _pairs(one: Seen, other: Seen) -> list[tuple[int, int]]:
    """Faces of one that are faces of the other, each at most once, the best overlap first."""
    shared = overlaps(one.boxes, other.boxes)
    pairs = []
    while shared.size and shared.max() >= SAME_FACE:
        a, b = np.unravel_index(int(shared.argmax()), shared.shape)
        pairs.append((int(a), int(b)))
        shared[a, :] = shared[:, b] = -1
    return pairs
