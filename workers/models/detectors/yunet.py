"""YuNet (https://doi.org/10.1007/s11633-023-1423-y), read as OpenCV's FaceDetectorYN reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.models.base import Detections, Floats, Image, Scores
from workers.models.detectors.boxes import Cells, corners_of, filled, merged, padded, suppress
from workers.models.session import Network

STRIDES = (8, 16, 32)
OVERLAP = 0.4


class YuNet:
    """The detector of the embedded pack.

    The network takes pixels, RGB (``take_pixels``). Images are filled up to multiples of
    ``multiple`` pixels.
    """

    scores = Scores(alone=0.6, agreed=0.5, support=0.4, sure=0.8)
    largest = None

    def __init__(self, session: Network, *, multiple: int = 32) -> None:
        self.session = session
        self._multiple = multiple
        self._input = next(iter(session.inputs))

    def detect(self, image: Image) -> Detections:
        """What one pass over an image finds."""
        height, width = (filled(side, self._multiple) for side in image.shape[:2])
        pixels = padded(image, height, width)[None]
        outputs = dict(
            zip(self.session.outputs, self.session.run({self._input: pixels}), strict=True)
        )
        parts = [
            read_stride([outputs[f"{kind}_{s}"][0] for kind in KINDS], width, s) for s in STRIDES
        ]
        return merged(parts, OVERLAP)


KINDS = ("cls", "obj", "bbox", "kps")


def read_stride(outputs: Sequence[Floats], width: int, stride: int) -> Detections:
    """The faces that one feature map reports, in pixels of the network's input.

    ``outputs`` are those of KINDS, for M cells row by row: class and objectness M x 1, boxes
    M x 4, landmarks M x 10. ``width`` is that of the input.
    """
    cls, obj, bbox, kps = outputs
    scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    good = np.flatnonzero(scores >= YuNet.scores.support)
    return faces_of(Cells(scores[good], bbox[good], kps[good], good), width, stride)


def faces_of(found: Cells, width: int, stride: int) -> Detections:
    """The faces that some cells of one feature map report, each once."""
    corners = corners_of(found.numbers, width, stride)
    centres = corners + found.boxes[:, :2] * stride
    sizes = np.exp(found.boxes[:, 2:4]) * stride
    boxes = np.concatenate([centres - sizes / 2, sizes], axis=1)
    landmarks = found.points.reshape(-1, 5, 2) * stride + corners[:, None]
    kept = suppress(boxes, found.scores, OVERLAP)
    return Detections(
        boxes[kept].astype(np.float32),
        landmarks[kept].astype(np.float32),
        found.scores[kept].astype(np.float32),
    )
