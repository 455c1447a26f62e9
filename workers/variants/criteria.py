"""Criteria for a low-precision variant: its detections and embeddings beside fp32's.

Pure functions, called by workers/variants/gate.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError
from headcount.settings import VariantName
from workers.matching.labelled_pairs import Cosines, labelled_pairs
from workers.models.base import Floats
from workers.models.detectors.boxes import overlaps
from workers.models.packs.variants import Findings, Measured
from workers.variants.labelled import Labelled, PhotoFaces


@dataclass(frozen=True, slots=True)
class Limits:
    """Least cosines to fp32: of the average face, and of all faces but 1 in 100."""

    mean: float
    low: float


LIMITS: dict[VariantName, Limits] = {"int8": Limits(0.98, 0.95), "fp16": Limits(0.999, 0.999)}
"""Two embeddings that rounding moved by a cosine of 0.98 each, independently, are less alike by
4 %. 16-bit floats move them by far less; where they do not, numbers went out of their range."""
MOST_LOST = 0.003
"""Most of the pairs told rightly by fp32 that may be told wrongly, as a share."""
MOST_SHIFT = 0.01
"""Largest shift of the cosine that one impostor pair in 1,000 reaches: beyond it fp32's thresholds
do not fit the variant."""
LEAST_PAIRS = 200
"""Fewest genuine pairs (and as many impostors): with fewer, one pair is more than may be lost."""
LEAST_AGREED = 0.98
"""Least share of fp32's faces that a detector's variant detects too, and of its faces that fp32
detects. Some faces are at the edge of being detected, and rounding decides about them."""
MOST_MISSED = 0.005
"""Largest loss of recall, and of precision, on labelled faces."""
LEAST_LABELLED = 200
"""Fewest labelled faces: with fewer, one face is more than may be missed."""
LEAST_GAIN = 1.1
"""Least gain in speed: a detector that is hardly faster than fp32 is not worth another pack."""
SMALLEST, OVERLAP = 20, 0.4
"""Least height in pixels of a face that counts, and least overlap of a detection with it
(intersection over union), as in benchmarks/accuracy/detection.py."""


def require_labelled(photos: Sequence[Labelled]) -> None:
    """Raise FatalError where photos with boxes judge, and have too few labelled faces."""
    number = labelled_faces(photos)
    if photos and number < LEAST_LABELLED:
        raise FatalError(
            f"{number} labelled faces of {SMALLEST} pixels and more on the photos that judge: a "
            f"gate needs {LEAST_LABELLED}, from half of the photos"
        )


def labelled_faces(photos: Sequence[Labelled]) -> int:
    """Number of labelled faces that count."""
    return sum(int((p.boxes[:, 3] >= SMALLEST).sum()) for p in photos if p.boxes is not None)


def findings(
    photos: Sequence[Labelled], expected: Sequence[PhotoFaces], got: Sequence[PhotoFaces]
) -> Findings:
    """Compare a variant's detections in photos with fp32's and with the labels."""
    pairs = [(one.boxes, other.boxes) for one, other in zip(expected, got, strict=True)]
    agreed, faces_fp32 = _hits((one, other) for one, other in pairs)
    confirmed, faces = _hits((other, one) for one, other in pairs)
    labels = [
        (photo.boxes, *pair)
        for photo, pair in zip(photos, pairs, strict=True)
        if photo.boxes is not None
    ]
    found = Findings(
        photos=len(photos),
        faces_fp32=faces_fp32,
        faces=faces,
        agreed=agreed / max(faces_fp32, 1),
        added=1 - confirmed / max(faces, 1),
        labelled=0,
    )
    if not labels:
        return found
    return found.model_copy(
        update={
            "labelled": labelled_faces(photos),
            "recall_fp32": _share((truth, one) for truth, one, _ in labels),
            "recall": _share((truth, other) for truth, _, other in labels),
            "precision_fp32": _share((one, truth) for truth, one, _ in labels),
            "precision": _share((other, truth) for truth, _, other in labels),
        }
    )


def _hits(pairs: Iterable[tuple[Floats, Floats]]) -> tuple[int, int]:
    """Number of boxes that count and overlap one of the others, and number of all that count."""
    hits = total = 0
    for some, others in pairs:
        counted = some[some[:, 3] >= SMALLEST]
        total += len(counted)
        hits += int((overlaps(counted, others).max(axis=1, initial=0) >= OVERLAP).sum())
    return hits, total


def _share(pairs: Iterable[tuple[Floats, Floats]]) -> float:
    hits, total = _hits(pairs)
    return hits / max(total, 1)


def detection_faults(found: Findings, gain: float) -> tuple[str, ...]:
    """Reasons why a detector's form fails, in words; none where it passes."""
    missed = found.recall_fp32 - found.recall
    false = found.precision_fp32 - found.precision
    faults = {
        f"{1 - found.agreed:.2%} of fp32's faces are not found, over {1 - LEAST_AGREED:.0%}": (
            found.agreed < LEAST_AGREED
        ),
        f"{found.added:.2%} of its faces are none to fp32, over {1 - LEAST_AGREED:.0%}": (
            found.added > 1 - LEAST_AGREED
        ),
        f"{missed:.2%} more of the labelled faces are missed, over {MOST_MISSED:.1%}": (
            missed > MOST_MISSED
        ),
        f"{false:.2%} more of the detections are no labelled face, over {MOST_MISSED:.1%}": (
            false > MOST_MISSED
        ),
        f"it is {gain:.2f} times as fast as fp32, and should be {LEAST_GAIN}": gain < LEAST_GAIN,
    }
    return tuple(fault for fault, is_so in faults.items() if is_so)


# -- embeddings --------------------------------------------------------------------------------


def compare(expected: Floats, got: Floats, people: NDArray[np.int64]) -> Measured:
    """Compare embeddings (N x D) of fp32 and of a variant, of the same N faces of these people.

    Raises FatalError where there are too few pairs to tell.
    """
    cosines = (expected * got).sum(axis=1)
    genuine, impostor = labelled_pairs(expected, people)
    genuine_got, impostor_got = labelled_pairs(got, people)
    if len(genuine) < LEAST_PAIRS or len(impostor) < len(genuine):
        raise FatalError(
            f"{len(genuine)} pairs of photos of one person among those that judge: a gate needs "
            f"{LEAST_PAIRS}, from half of the people. Give it more people with several photos each"
        )
    some = np.random.default_rng(0).choice(len(impostor), len(genuine), replace=False)
    return Measured(
        people=len(np.unique(people)),
        faces=len(people),
        genuine_pairs=len(genuine),
        impostor_pairs=len(impostor),
        mean_cosine=float(cosines.mean()),
        low_cosine=float(np.quantile(cosines, 0.01)),
        accuracy_fp32=accuracy(genuine, impostor[some]),
        accuracy=accuracy(genuine_got, impostor_got[some]),
        shift=_tail(impostor_got) - _tail(impostor),
    )


def _tail(impostor: Cosines) -> float:
    """Cosine that one impostor pair in 1,000 reaches."""
    return float(np.quantile(impostor, 1 - 1e-3))


def accuracy(genuine: Cosines, impostor: Cosines) -> float:
    """Share of pairs told rightly at the best threshold for these pairs."""
    scores = np.concatenate([genuine, impostor])
    gains = np.concatenate([np.ones(len(genuine)), -np.ones(len(impostor))])
    right = np.cumsum(gains[np.argsort(-scores, kind="stable")]).max()
    return float((max(right, 0) + len(impostor)) / len(scores))


def faults_of(measured: Measured, variant: VariantName = "int8") -> tuple[str, ...]:
    """Reasons why a variant fails, in words; none where it passes."""
    limits = LIMITS[variant]
    lost = measured.accuracy_fp32 - measured.accuracy
    faults = {
        f"the mean cosine to fp32 is {measured.mean_cosine:.4f}, below {limits.mean}": (
            measured.mean_cosine < limits.mean
        ),
        f"1 % of the faces are below a cosine of {measured.low_cosine:.4f} to fp32, which is below "
        f"{limits.low}": measured.low_cosine < limits.low,
        f"{lost:.2%} more of the pairs are told wrongly, over {MOST_LOST:.1%}": lost > MOST_LOST,
        f"the cosine of 1 impostor pair in 1,000 moves by {measured.shift:+.4f}, over "
        f"{MOST_SHIFT}: fp32's thresholds do not hold": abs(measured.shift) > MOST_SHIFT,
    }
    return tuple(fault for fault, is_so in faults.items() if is_so)
