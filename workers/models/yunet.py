"""YuNet (https://doi.org/10.1007/s11633-023-1423-y), read as OpenCV's FaceDetectorYN reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.models.base import Detections, Floats, Image
from workers.models.boxes import cell_corners, merged, padded, shrunk, suppress, to_blob
from workers.models.session import Session

STRIDES = (8, 16, 32)
SCORE = 0.6
OVERLAP = 0.4
PASSES = (640, 1280)
"""Long sides at which an image is searched, never enlarged; the faces of all are merged.

The larger scale finds small faces, the smaller one those that the larger loses: measured by
benchmarks/measure_detection.py."""
CLOSE_UP = 256
"""A face that fills the frame is found at this long side: tried where nothing sure was found."""
SURE = 0.8
LARGEST_AT_LARGE = 192.0
"""A pass looks for faces up to this height in its own pixels, unless it is the smallest one:
larger ones are its false alarms, and the next smaller pass sees them better."""


class YuNet:
    """The detector of the embedded pack."""

    def __init__(self, session: Session, passes: tuple[int, ...] = PASSES) -> None:
        self.session = session
        self._input = next(iter(session.inputs))
        self._passes = passes

    def detect(self, image: Image) -> Detections:
        """Every face of an image, over all passes."""
        longest = max(image.shape[:2])
        scales = sorted({min(1.0, side / longest) for side in self._passes})
        smallest, *larger = (self._one_pass(image, scale) for scale in scales)
        within = [
            _up_to(found, LARGEST_AT_LARGE / s) for found, s in zip(larger, scales[1:], strict=True)
        ]
        found = merged([smallest, *within], OVERLAP)
        if longest <= CLOSE_UP or (len(found) and found.scores[0] >= SURE):
            return found
        return merged([found, self._one_pass(image, CLOSE_UP / longest)], OVERLAP)

    def _one_pass(self, image: Image, scale: float) -> Detections:
        small = shrunk(image, scale)
        height, width = (-(-side // 32) * 32 for side in small.shape[:2])
        blob = to_blob(padded(small, height, width), bgr=True)
        outputs = dict(
            zip(self.session.outputs, self.session.run({self._input: blob}), strict=True)
        )
        parts = [
            read_stride([outputs[f"{kind}_{s}"][0] for kind in KINDS], height, width, s)
            for s in STRIDES
        ]
        found = merged(parts, OVERLAP)
        # the exact factors of a resize that rounds to whole pixels
        factors = np.array(
            [image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]], np.float32
        )
        return Detections(
            found.boxes * np.tile(factors, 2), found.landmarks * factors, found.scores
        )


def _up_to(found: Detections, height: float) -> Detections:
    """The faces that are no higher than this."""
    kept = found.boxes[:, 3] <= height
    return Detections(found.boxes[kept], found.landmarks[kept], found.scores[kept])


KINDS = ("cls", "obj", "bbox", "kps")


def read_stride(outputs: Sequence[Floats], height: int, width: int, stride: int) -> Detections:
    """The faces that one feature map reports, in pixels of the network's input.

    ``outputs`` are those of KINDS, for M cells row by row: class and objectness M x 1, boxes
    M x 4, landmarks M x 10.
    """
    cls, obj, bbox, kps = outputs
    scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    good = np.flatnonzero(scores >= SCORE)
    corners = cell_corners(height, width, stride)[good]
    centres = corners + bbox[good, :2] * stride
    sizes = np.exp(bbox[good, 2:4]) * stride
    boxes = np.concatenate([centres - sizes / 2, sizes], axis=1)
    landmarks = kps[good].reshape(-1, 5, 2) * stride + corners[:, None]
    kept = suppress(boxes, scores[good], OVERLAP)
    return Detections(
        boxes[kept].astype(np.float32),
        landmarks[kept].astype(np.float32),
        scores[good][kept].astype(np.float32),
    )
