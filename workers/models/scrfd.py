"""SCRFD (https://arxiv.org/abs/2105.04714), fed and read as insightface's model zoo does it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from headcount.errors import FatalError
from workers.models.base import Detections, Floats, Image
from workers.models.boxes import cell_corners, merged, padded, to_blob
from workers.models.session import Session

SIZE = 640
CLOSE_UP = 256
"""Faces larger than about 40 % of the frame are missed at 640 and found at this size."""
SURE = 0.7
SCORE = 0.5
OVERLAP = 0.4
STRIDES = (8, 16, 32)
ANCHORS = 2
OUTPUTS = 9


class Scrfd:
    """The detector of insightface's packs: one pass over the image fitted into a square."""

    def __init__(self, session: Session, *, name: str) -> None:
        if len(session.outputs) != OUTPUTS:
            raise FatalError(
                f"the detector {name} has {len(session.outputs)} outputs: headcount needs an SCRFD "
                "with 5 landmarks (9 outputs; the file name has _kps or is that of a buffalo pack)"
            )
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        self._fixed = shape[2]
        self._size = shape[2] or SIZE

    def detect(self, image: Image) -> Detections:
        """Every face of an image; one that fills the frame is looked for again, smaller."""
        found = self.one_pass(image, self._size)
        if len(found) and found.scores[0] >= SURE:
            return found
        return merged([found, self.one_pass(image, CLOSE_UP)], OVERLAP)

    def one_pass(self, image: Image, fit: int) -> Detections:
        """The faces that the network sees with the image fitted into ``fit`` pixels."""
        size = self._fixed or fit
        fitted, factor = letterbox(image, fit, size)
        blob = to_blob(fitted, mean=127.5, scale=1 / 128)
        outputs = [o.reshape(-1, o.shape[-1]) for o in self._session.run({self._input: blob})]
        parts = [
            read_stride(outputs[index :: len(STRIDES)], size, stride)
            for index, stride in enumerate(STRIDES)
        ]
        found = merged(parts, OVERLAP)
        return Detections(found.boxes / factor, found.landmarks / factor, found.scores)


def letterbox(image: Image, fit: int, size: int) -> tuple[Image, float]:
    """The image fitted into ``fit`` pixels, in the upper left of a square of ``size``.

    Gives the factor of the resize too; rounding and interpolation are insightface's.
    """
    height, width = image.shape[:2]
    ratio = height / width
    if ratio > 1:
        new_height, new_width = fit, max(1, int(fit / ratio))
    else:
        new_height, new_width = max(1, int(fit * ratio)), fit
    resized = np.asarray(cv2.resize(image, (new_width, new_height)), np.uint8)
    return padded(resized, size, size), new_height / height


def read_stride(outputs: Sequence[Floats], size: int, stride: int) -> Detections:
    """The faces that one feature map reports, in pixels of the network's input.

    ``outputs`` are, for M anchors row by row: scores M x 1, boxes M x 4 (distances to the left,
    top, right and bottom edge, in strides), landmarks M x 10.
    """
    scores, boxes, points = outputs
    good = np.flatnonzero(scores[:, 0] >= SCORE)
    anchors = cell_corners(size, size, stride, ANCHORS)[good]
    edges = boxes[good] * stride
    corner = anchors - edges[:, :2]
    landmarks = points[good].reshape(-1, 5, 2) * stride + anchors[:, None]
    return Detections(
        np.concatenate([corner, edges[:, :2] + edges[:, 2:]], axis=1).astype(np.float32),
        landmarks.astype(np.float32),
        scores[good, 0].astype(np.float32),
    )
