"""SCRFD (https://arxiv.org/abs/2105.04714), fed and read as insightface's model zoo does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError
from workers.models.base import Detections, Floats, Image, Scores
from workers.models.detectors.boxes import Cells, corners_of, filled, merged, padded
from workers.models.session import Network

OVERLAP = 0.4
STRIDES = (8, 16, 32)
ANCHORS = 2
OUTPUTS = 9
MEAN, SCALE = 127.5, 1 / 128


class Scrfd:
    """The detector of insightface's packs.

    The network takes pixels, scaled by MEAN and SCALE (``take_pixels``). Images are filled up to
    multiples of ``multiple`` pixels. Raises FatalError for a network without landmarks.
    """

    scores = Scores(alone=0.5, agreed=0.4, support=0.3, sure=0.7)

    def __init__(self, session: Network, *, name: str, multiple: int = 32) -> None:
        if len(session.outputs) != OUTPUTS:
            raise FatalError(
                f"the detector {name} has {len(session.outputs)} outputs: headcount needs an SCRFD "
                "with 5 landmarks (9 outputs; the file name has _kps or is that of a buffalo pack)"
            )
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        self.largest = shape[1]
        self._multiple = multiple

    def detect(self, image: Image) -> Detections:
        """What one pass over an image finds; it lies in the upper left of the network's input."""
        height, width = (self.largest or filled(side, self._multiple) for side in image.shape[:2])
        pixels = padded(image, height, width)[None]
        outputs = [o.reshape(-1, o.shape[-1]) for o in self._session.run({self._input: pixels})]
        parts = [
            read_stride(outputs[index :: len(STRIDES)], width, stride)
            for index, stride in enumerate(STRIDES)
        ]
        return merged(parts, OVERLAP)


def by_image(outputs: list[NDArray[Any]], count: int) -> list[NDArray[Any]]:
    """The outputs of a batch of ``count`` images with the image as the first axis.

    A network whose batch axis was freed folds it between cells and anchors: the rows of all
    images of a cell lie beside each other, and are interleaved, not lost.
    """
    return [
        output
        if output.ndim == 3
        else output.reshape(-1, count, ANCHORS, output.shape[-1])
        .transpose(1, 0, 2, 3)
        .reshape(count, -1, output.shape[-1])
        for output in outputs
    ]


def read_stride(outputs: Sequence[Floats], width: int, stride: int) -> Detections:
    """The faces that one feature map reports, in pixels of the network's input.

    ``outputs`` are, for M anchors row by row: scores M x 1, boxes M x 4 (distances to the left,
    top, right and bottom edge, in strides), landmarks M x 10. ``width`` is that of the input.
    """
    scores, boxes, points = outputs
    good = np.flatnonzero(scores[:, 0] >= Scrfd.scores.support)
    return faces_of(Cells(scores[good, 0], boxes[good], points[good], good), width, stride)


def faces_of(found: Cells, width: int, stride: int) -> Detections:
    """The faces that some anchors of one feature map report."""
    anchors = corners_of(found.numbers, width, stride, ANCHORS)
    edges = found.boxes * stride
    corner = anchors - edges[:, :2]
    landmarks = found.points.reshape(-1, 5, 2) * stride + anchors[:, None]
    return Detections(
        np.concatenate([corner, edges[:, :2] + edges[:, 2:]], axis=1).astype(np.float32),
        landmarks.astype(np.float32),
        found.scores.astype(np.float32),
    )
