"""Matching faces against the gallery: pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.gallery import Gallery

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Matches:
    """Of N faces: the nearest person, by the best reference, and the nearest other person.

    ``person`` and ``runner_up`` are positions in the gallery, NOBODY where there is none;
    ``similarity`` and ``runner_up_similarity`` are cosines, NaN where there is none.
    """

    person: NDArray[np.int32]
    similarity: NDArray[np.float32]
    runner_up: NDArray[np.int32]
    runner_up_similarity: NDArray[np.float32]

    @property
    def margin(self) -> NDArray[np.float32]:
        """By how much the best person leads; NaN where there is no other."""
        return self.similarity - self.runner_up_similarity


def match(descriptors: NDArray[np.float32], gallery: Gallery, *, block: int = 4096) -> Matches:
    """The two nearest people of each face. ``descriptors`` is N x D, of unit length.

    A person is as near as the best of the person's references. Blockwise: memory is
    ``block`` x R.
    """
    if not len(gallery) or not len(descriptors):
        return _nobody(len(descriptors))
    parts = [
        _match_block(descriptors[start : start + block], gallery)
        for start in range(0, len(descriptors), block)
    ]
    return Matches(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("person", "similarity", "runner_up", "runner_up_similarity")
        )
    )


def _nobody(count: int) -> Matches:
    nobody = np.full(count, NOBODY, np.int32)
    nothing = np.full(count, np.nan, np.float32)
    return Matches(nobody, nothing, nobody.copy(), nothing.copy())


def _match_block(descriptors: NDArray[np.float32], gallery: Gallery) -> Matches:
    by_person = np.maximum.reduceat(descriptors @ gallery.descriptors.T, gallery.starts, axis=1)
    rows = np.arange(len(descriptors))
    best = by_person.argmax(axis=1)
    similarity = by_person[rows, best]
    if len(gallery) == 1:
        alone = _nobody(len(descriptors))
        return Matches(
            best.astype(np.int32), similarity, alone.runner_up, alone.runner_up_similarity
        )
    by_person[rows, best] = -np.inf
    second = by_person.argmax(axis=1)
    return Matches(
        best.astype(np.int32), similarity, second.astype(np.int32), by_person[rows, second]
    )


def accepted(
    matches: Matches,
    usable: NDArray[np.bool_],
    photos: NDArray[np.int64],
    *,
    threshold: float,
    margin: float,
) -> NDArray[np.bool_]:
    """Which of N faces are matched to their nearest person.

    The face is usable, the similarity reaches ``threshold``, the lead over the runner-up
    reaches ``margin``, and no other face of the same photo (equal numbers in ``photos``) is
    nearer to that person: nobody is in a photo twice.
    """
    lead = np.nan_to_num(matches.margin, nan=np.inf)
    good = usable & (matches.person != NOBODY)
    good &= np.nan_to_num(matches.similarity, nan=-1.0) >= threshold
    good &= lead >= margin
    candidates = np.flatnonzero(good)
    order = candidates[
        np.lexsort(
            (
                -matches.similarity[candidates],
                matches.person[candidates],
                photos[candidates],
            )
        )
    ]
    first = np.ones(len(order), bool)
    first[1:] = (photos[order[1:]] != photos[order[:-1]]) | (
        matches.person[order[1:]] != matches.person[order[:-1]]
    )
    result = np.zeros(len(good), bool)
    result[order[first]] = True
    return result


def probability(
    similarity: NDArray[np.float32], calibration: tuple[float, float] | None
) -> NDArray[np.float32]:
    """The chance that a match of this similarity is right, by the pack's logistic; NaN without."""
    if calibration is None:
        return np.full(len(similarity), np.nan, np.float32)
    slope, intercept = calibration
    chance: NDArray[np.float32] = 1.0 / (1.0 + np.exp(-(slope * similarity + intercept)))
    return chance.astype(np.float32)
