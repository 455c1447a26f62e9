"""Quality of a face for recognition, in 0..1; faces below a least quality are not judged.

The quality is the weighted geometric mean of five parts, each in 0..1, so that it is 0 where one
part is:

- size: the face's height in the photo, from 0 at 12 pixels to 1 at 112, the recogniser's crop;
- sharpness: the deviation of the aligned crop's Laplacian, from 0 to 1 at SHARP (a blurred or
  enlarged face has no fine structure; https://doi.org/10.1109/ICPR.2000.903548);
- pose: how far the nose stands between the eyes, 1 from the front, PROFILE where it leaves
  them (a profile is hard to compare and still worth a try);
- the detection score; it is left out for a face drawn by hand, which the detector passed over;
- certainty: the length of the recogniser's features before they are made an embedding. Networks
  trained by softmax give long ones to faces they can tell apart
  (https://arxiv.org/abs/2103.06627, https://arxiv.org/abs/2204.00964). It is left out for a
  recogniser whose lengths were not measured.

What lies outside the photo lowers it by its share: half of the crop takes a tenth. That ranks
references and exemplars. Whether a face is judged does not depend on it: the evidence of a pair
does (workers/faces/evidence.py).

Each weight follows how well its part alone foretells a failed match:
benchmarks/accuracy/quality.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.models.base import Floats, Image

SMALLEST = 12.0
FULL_SIZE = 112.0
SHARP = 24.0
PROFILE = 0.1
MINIMUM_HEIGHT = 18.0
"""Below, in pixels of the photo, a face is enlarged over fivefold to be compared."""
MINIMUM_QUALITY = 0.4
"""Least quality of a usable face: of worse ones none was matched to the right person."""
WEIGHTS = {"size": 1, "sharpness": 1, "pose": 1, "score": 4, "certainty": 8}
INSIDE_WEIGHT = 2
"""Weight of the share inside the photo beside those, which it leaves as they are where it is 1."""


def qualities(
    boxes: Floats,
    landmarks: Floats,
    scores: Floats,
    crops: Image,
    certainties: Floats | None = None,
) -> Floats:
    """Qualities of N faces: boxes N x 4 and landmarks N x 5 x 2 in pixels of the photo.

    ``certainties`` are those of ``certainty``, None where it gives none.
    """
    return quality_of(quality_parts(boxes, landmarks, scores, crops, certainties))


def quality_of(parts: Mapping[str, Floats]) -> Floats:
    """Qualities of N faces from their parts, N each."""
    total = sum(WEIGHTS[name] for name in parts)
    weighted = [part ** (WEIGHTS[name] / total) for name, part in parts.items()]
    return np.asarray(np.prod(weighted, axis=0), np.float32)


def quality_of_drawn(parts: Mapping[str, Floats]) -> Floats:
    """Qualities of N faces drawn by hand: without the detection score.

    The detector passed them over, and a person knows better.
    """
    return quality_of({name: part for name, part in parts.items() if name != "score"})


def lowered(quality: Floats, outside: Floats) -> Floats:
    """Qualities of N faces, lowered by the shares of their crops that lie outside the photo."""
    power = INSIDE_WEIGHT / sum(WEIGHTS.values())
    return np.asarray(quality * (1 - outside) ** power, np.float32)


def quality_parts(
    boxes: Floats,
    landmarks: Floats,
    scores: Floats,
    crops: Image,
    certainties: Floats | None = None,
) -> dict[str, Floats]:
    """Parts of the quality of N faces by name, each N in 0..1."""
    parts = {
        "size": np.clip((boxes[:, 3] - SMALLEST) / (FULL_SIZE - SMALLEST), 0, 1),
        "sharpness": np.array([_sharpness(crop) for crop in crops], np.float32),
        "pose": _frontality(landmarks),
        "score": np.clip(scores, 0, 1),
    }
    return parts if certainties is None else parts | {"certainty": certainties}


def certainty(features: Floats, lengths: tuple[float, float] | None) -> Floats | None:
    """Certainty of a recogniser about N faces, in 0..1, from the lengths of its N x D features.

    ``lengths`` are those that count as 0 and as 1; None where they were not measured.
    """
    if lengths is None:
        return None
    least, full = lengths
    norms = np.nan_to_num(np.linalg.norm(features, axis=1))
    return np.asarray(np.clip((norms - least) / (full - least), 0, 1), np.float32)


def usable(boxes: Floats, quality: Floats) -> NDArray[np.bool_]:
    """Mask of the faces that are good enough to be named or clustered."""
    return (boxes[:, 3] >= MINIMUM_HEIGHT) & (quality >= MINIMUM_QUALITY)


def _sharpness(crop: Image) -> float:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    centre = grey[20:100, 16:96]  # the face without its surroundings
    return min(1.0, float(cv2.Laplacian(centre, cv2.CV_32F).std()) / SHARP)


def _frontality(landmarks: Floats) -> Floats:
    """Frontality: 1 with the nose midway between the eyes, PROFILE with it beyond an eye."""
    if not len(landmarks):
        return np.zeros(0, np.float32)
    one, other, nose = landmarks[:, 0], landmarks[:, 1], landmarks[:, 2]
    line = other - one
    length = np.maximum((line**2).sum(axis=1), 1e-6)
    along = ((nose - one) * line).sum(axis=1) / length
    return np.asarray(np.clip(1 - np.abs(along - 0.5) * 2, PROFILE, 1), np.float32)
