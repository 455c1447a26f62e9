"""The faces of several passes over a photo, merged into one list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workers.faces.tiles import OVERLAP
from workers.models.base import Detections, Detector, Floats
from workers.models.detectors.boxes import overlaps, suppress, valid_detections

AGREE = 0.4
"""Overlap from which detections of two passes are one face."""
SAME_PLACE = 0.6
"""Overlap from which they agree on its place, so that landmarks of both count."""


@dataclass(frozen=True, slots=True)
class Found:
    """The N faces of a photo, best first, in pixels of the full upright photo.

    ``passes`` names the pass that saw each best: the long side it searched, with a word for a
    pass of another kind. ``sure`` (N) counts the passes whose landmarks its landmarks are the mean
    of.
    """

    faces: Detections
    passes: tuple[str, ...] = ()
    sure: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    def __len__(self) -> int:
        return len(self.faces)

    def moved(self, move: Callable[[Detections], Detections]) -> Found:
        """The same faces at other places."""
        return replace(self, faces=move(self.faces))

    def named(self, suffix: str) -> Found:
        """The same faces, each pass's name with ``suffix`` behind it."""
        return replace(self, passes=tuple(f"{name} {suffix}" for name in self.passes))


@dataclass(frozen=True, slots=True)
class Pass:
    """Detections of one pass, in pixels of the image that is searched; it saw that at ``scale``."""

    name: str
    faces: Detections
    scale: float


def merge(passes: Sequence[Pass], detector: Detector) -> Found:
    """Merge the faces of all passes: each once, best first.

    A face stays where one pass is sure enough alone, or where two passes agree. It has the box
    and score of the pass that is surest of it, and landmarks from all that are.
    """
    faces = valid_detections([seen.faces for seen in passes])
    if not len(faces.faces):
        return Found(Detections.none())
    boxes, scores = faces.faces.boxes, faces.faces.scores
    kept = suppress(boxes, scores, OVERLAP)
    shared = overlaps(boxes[kept], boxes)
    agreed = _passes_that_agree(shared >= AGREE, faces.part) > 1
    enough = np.where(agreed, detector.scores.agreed, detector.scores.alone)
    stay = scores[kept] >= enough
    kept, same = kept[stay], shared[stay] >= SAME_PLACE
    scales = np.array([seen.scale for seen in passes], np.float32)[faces.part]
    weights = _weights(scores, boxes[:, 3] * scales, kept, same, detector)
    marks = np.einsum("kn,npc->kpc", weights, faces.faces.landmarks)
    found = replace(faces.faces.where(kept), landmarks=np.asarray(marks, np.float32))
    names = tuple(passes[number].name for number in faces.part[kept])
    return Found(found, names, np.asarray((weights > 0).sum(axis=1)))


def _passes_that_agree(same: NDArray[np.bool_], part: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of passes that detected each face; ``same`` tells its detections."""
    return np.array([len(np.unique(part[row])) for row in same], np.intp)


def _weights(
    scores: Floats,
    heights: Floats,
    kept: NDArray[np.intp],
    same: NDArray[np.bool_],
    detector: Detector,
) -> Floats:
    """Weights of N detections' landmarks in those of each of K kept faces, by their exactness.

    ``heights`` are those of all detections in pixels of their passes, ``same`` (K x N) tells those
    of each kept face. Errors of passes differ, and so their mean is nearer to the truth than the
    best one.
    """
    exact = np.minimum(1, heights / detector.scores.exact_from) ** 2
    weights = exact * (same & (scores >= detector.scores.agreed))
    weights[np.arange(len(kept)), kept] = exact[kept]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
