"""What a detector and a recogniser are, whatever network is behind them."""

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
        """No face: a normal result."""
        return cls(
            np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
        )

    def where(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Detections:
        """Some of the faces: by a mask, or by their numbers in this order."""
        return Detections(self.boxes[which], self.landmarks[which], self.scores[which])


@dataclass(frozen=True, slots=True)
class Scores:
    """What a detector's scores mean.

    A face that one pass sees needs ``alone``; one that two passes see needs ``agreed`` from one
    of them. Below ``support`` nothing is a find. With a ``sure`` face in it a photo needs no
    further search.
    """

    alone: float
    agreed: float
    support: float
    sure: float


class Detector(Protocol):
    """Finds faces. May be called from many threads."""

    @property
    def scores(self) -> Scores:
        """What its scores mean."""
        ...

    @property
    def largest(self) -> int | None:
        """The longest side it can look at in one piece; None where any will do."""
        ...

    def look(self, image: Image) -> Detections:
        """What one pass over an image finds, at the image's own scale, best first.

        Unsure finds are among it, down to the score of ``support``.
        """
        ...


class Recogniser(Protocol):
    """Turns aligned faces into embeddings. May be called from many threads."""

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        ...

    def embed(self, crops: Image) -> Floats:
        """Embeddings of N aligned crops (N x 112 x 112 x 3, RGB): N x D, each of unit length.

        Zeros where there is none to be had.
        """
        ...

    def features(self, crops: Image) -> Floats:
        """What the network gives for N such crops, N x D: embeddings before they are scaled.

        The longer, the surer the network is. They may hold what is no number.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A detector and a recogniser, ready to run, and the record of what they are."""

    record: PackRecord
    detector: Detector
    recogniser: Recogniser
