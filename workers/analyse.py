"""What one photo shows: decoded, its faces found, aligned, embedded and judged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.align import crop_faces
from workers.decode import Decoded, Picture
from workers.models.base import Detections, Floats, Image, ModelPack
from workers.quality import qualities, usable

DETECTION_LONG_SIDE = 1600
"""A JPEG is decoded at the smallest scale that leaves it this long."""
SMALL_FACE = 112.0
"""A face smaller than the recogniser's crop is cut from the full photo where there is more."""
TIGHT_BORDER = 0.5
"""Width of the border laid around a tight crop, in parts of its sides."""

cv2.setNumThreads(1)  # the workers' own threads are the parallelism


@dataclass(frozen=True, slots=True)
class Analysis:
    """The N faces of one photo, best detection first; all coordinates in its upright pixels.

    ``boxes`` N x 4 (left, top, width, height), ``landmarks`` N x 5 x 2, ``scores`` and
    ``qualities`` N in 0..1, ``usable`` N, ``descriptors`` N x D of unit length; ``seconds`` by
    stage.
    """

    width: int
    height: int
    orientation: int
    boxes: Floats
    landmarks: Floats
    scores: Floats
    qualities: Floats
    usable: NDArray[np.bool_]
    descriptors: Floats
    seconds: dict[str, float]

    def __len__(self) -> int:
        return len(self.scores)


class _Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        spent = time.perf_counter() - began
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent


def analyse(
    data: bytes, pack: ModelPack, *, max_pixels: int, rescue_tight: bool = False
) -> Analysis:
    """Find and embed every face of a photo.

    With ``rescue_tight`` a photo without a face is tried again with a border around it: a
    detector needs to see where a face ends, and crops made for enrolment often don't show it.
    Raises PhotoError, for what is wrong with the photo, and TransientError.
    """
    stages = _Stages()
    picture = Picture(data, max_pixels=max_pixels)
    with stages("decode"):
        decoded = picture.at_least(DETECTION_LONG_SIDE)
    with stages("detect"):
        found = pack.detector.detect(decoded.image)
        if rescue_tight and not len(found):
            found = _detect_tight(decoded.image, pack)
    full = decoded
    if decoded.scale < 1 and len(found) and found.boxes[:, 3].min() < SMALL_FACE:
        with stages("decode"):
            full = picture.full()
    return _embedded(decoded, full, found, pack, stages)


def _embedded(
    decoded: Decoded, full: Decoded, found: Detections, pack: ModelPack, stages: _Stages
) -> Analysis:
    """The analysis of faces that were found in ``decoded``, their crops cut from ``full``."""
    factor = np.float32(1 / decoded.scale)
    boxes, landmarks = found.boxes * factor, found.landmarks * factor
    with stages("align"):
        crops = crop_faces(full.image, landmarks * np.float32(full.scale))
        quality = qualities(boxes, landmarks, found.scores, crops)
    with stages("embed"):
        descriptors = pack.recogniser.embed(crops)
    return Analysis(
        width=decoded.width,
        height=decoded.height,
        orientation=decoded.orientation,
        boxes=boxes,
        landmarks=landmarks,
        scores=found.scores,
        qualities=quality,
        usable=usable(boxes, quality) & descriptors.any(axis=1),
        descriptors=descriptors,
        seconds=stages.seconds,
    )


def _detect_tight(image: Image, pack: ModelPack) -> Detections:
    """The faces of a tight crop, seen with a border of its own edge colours around it."""
    height, width = image.shape[:2]
    down, right = int(height * TIGHT_BORDER), int(width * TIGHT_BORDER)
    framed = np.asarray(
        cv2.copyMakeBorder(image, down, down, right, right, cv2.BORDER_REPLICATE), np.uint8
    )
    found = pack.detector.detect(framed)
    shift = np.array([right, down], np.float32)
    boxes = found.boxes.copy()
    boxes[:, :2] -= shift
    return replace(found, boxes=boxes, landmarks=found.landmarks - shift)
