"""The faces of several passes over a photo, merged into one list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
PAIRS = 1 << 22
"""Most pairs of faces and detections compared at once, at 50 bytes each: crowds of up to some
1,000 faces in one piece."""


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

    def best(self, count: int) -> Found:
        """The best faces, ``count`` at most."""
        if len(self) <= count:
            return self
        faces = self.faces.where(np.arange(count))
        return Found(faces, self.passes[:count], self.sure[:count])

    def joined(self, other: Found) -> Found:
        """Add further faces of the photo after these."""
        one, two = self.faces, other.faces
        faces = Detections(
            np.concatenate([one.boxes, two.boxes]),
            np.concatenate([one.landmarks, two.landmarks]),
            np.concatenate([one.scores, two.scores]),
        )
        return Found(faces, (*self.passes, *other.passes), np.concatenate([self.sure, other.sure]))

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
    scales = np.array([seen.scale for seen in passes], np.float32)[faces.part]
    seen = _Seen(faces.faces, faces.part, faces.faces.boxes[:, 3] * scales)
    kept = suppress(faces.faces.boxes, faces.faces.scores, OVERLAP)
    sure, marks = np.zeros(len(kept), np.intp), np.zeros((len(kept), 5, 2), np.float32)
    for rows, near in _blocks(faces.faces.boxes, kept):
        sure[rows], marks[rows] = _judged(
            seen.where(near), np.searchsorted(near, kept[rows]), detector
        )
    stay = sure > 0
    kept = kept[stay]
    found = replace(faces.faces.where(kept), landmarks=marks[stay])
    names = tuple(passes[number].name for number in faces.part[kept])
    return Found(found, names, sure[stay])


@dataclass(frozen=True, slots=True)
class _Seen:
    """N detections of all passes, their passes' numbers, and heights in pixels of their passes."""

    faces: Detections
    part: NDArray[np.intp]
    heights: Floats

    def where(self, rows: NDArray[np.intp]) -> _Seen:
        """Select detections by row."""
        return _Seen(self.faces.where(rows), self.part[rows], self.heights[rows])


def _blocks(
    boxes: Floats, kept: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Cut the ``kept`` of N boxes into blocks: rows of ``kept``, and all boxes that may touch them.

    Few are one block. Many are cut into bands from the top down, so that a block's boxes have few
    that touch them, and pairs grow with the faces and not with their square.
    """
    if len(kept) * len(boxes) <= PAIRS:
        yield np.arange(len(kept)), np.arange(len(boxes))
        return
    tops, bottoms = boxes[:, 1], boxes[:, 1] + boxes[:, 3]
    order = np.argsort(tops[kept], kind="stable")
    size = max(1, PAIRS // len(boxes))
    for start in range(0, len(kept), size):
        rows = order[start : start + size]
        top, bottom = tops[kept[rows]].min(), bottoms[kept[rows]].max()
        yield rows, np.flatnonzero((tops <= bottom) & (bottoms >= top))


def _judged(
    seen: _Seen, kept: NDArray[np.intp], detector: Detector
) -> tuple[NDArray[np.intp], Floats]:
    """Number of passes that are sure of each kept face, and its landmarks; zeros if it goes."""
    boxes, scores = seen.faces.boxes, seen.faces.scores
    shared = overlaps(boxes[kept], boxes)
    agreed = _passes_that_agree(shared >= AGREE, seen.part) > 1
    enough = np.where(agreed, detector.scores.agreed, detector.scores.alone)
    stay = scores[kept] >= enough
    same = shared[stay] >= SAME_PLACE
    weights = _weights(scores, seen.heights, kept[stay], same, detector)
    sure, marks = np.zeros(len(kept), np.intp), np.zeros((len(kept), 5, 2), np.float32)
    sure[stay] = (weights > 0).sum(axis=1)
    marks[stay] = np.einsum("kn,npc->kpc", weights, seen.faces.landmarks)
    return sure, marks


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
