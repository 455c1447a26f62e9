"""Detectors, recognisers and packs of both, whatever networks are behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headcount.contract.stored.archive import PackRecord

Image = NDArray[np.uint8]
"""An upright photo or crop, height x width x 3, RGB."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of one image, best score first.

    ``boxes`` is N x 4 (left, top, width, height), ``landmarks`` N x 5 x 2 (the eye, eye, nose,
    mouth corner, mouth corner of SCRFD and YuNet, viewer's left first), ``scores`` N in 0..1;
    all in pixels of the image that was given.
    """

    boxes: Floats
    landmarks: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """Detections of an image without a face, which is a normal result."""
        return cls(
            np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
        )

    def where(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Detections:
        """Select faces: by a mask, or by their numbers in this order."""
        return Detections(self.boxes[which], self.landmarks[which], self.scores[which])


@dataclass(frozen=True, slots=True)
class Scores:
    """Thresholds of a detector's scores.

    A face that one pass sees needs ``alone``; one that two passes see needs ``agreed`` from one
    of them. Below ``support`` nothing is detected. A photo with a ``sure`` face in it needs no
    further search. Next to no face that lies on its side or upside down gets ``upright`` with
    landmarks that stand. ``exact_from`` is the height of a face, in pixels of a pass, from which on
    its landmarks are as exact as they get; of smaller ones their error grows as the size falls.
    ``closer`` says whether a closer look makes landmarks of one pass more exact.
    """

    alone: float
    agreed: float
    support: float
    sure: float
    upright: float
    exact_from: float
    closer: bool = True


class Detector(Protocol):
    """A detector of faces. May be called from many threads."""

    @property
    def scores(self) -> Scores:
        """Thresholds of its scores."""
        ...

    @property
    def largest(self) -> int | None:
        """The longest side, in pixels, of an image that it takes in one piece; None for any."""
        ...

    def detect(self, image: Image) -> Detections:
        """Detect the faces of an image at its own scale, in one pass; best first.

        Unsure detections are included, down to a score of ``support``.
        """
        ...


class Recogniser(Protocol):
    """An embedder of aligned faces. May be called from many threads."""

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        ...

    def embed(self, crops: Image) -> Floats:
        """Embeddings of N aligned crops (N x 112 x 112 x 3, RGB): N x D, each of unit length.

        A crop that has none gets zeros.
        """
        ...

    def features(self, crops: Image) -> Floats:
        """Output of the network for N such crops, N x D: embeddings before they are scaled.

        Longer rows are surer ones. Rows may hold NaN and infinity.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A detector and a recogniser, ready to run, and the record of both."""

    record: PackRecord
    detector: Detector
    recogniser: Recogniser
