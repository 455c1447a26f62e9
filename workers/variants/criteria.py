"""What is held against a low-precision variant: its finds and embeddings beside fp32's.

Pure functions; workers/variants/gate.py asks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError
from headcount.settings import VariantName
from workers.matching.calibration import labelled_pairs
from workers.matching.impostors import Cosines
from workers.models.base import Floats
from workers.models.detectors.boxes import overlaps
from workers.models.packs.variants import Findings, Measured
from workers.variants.labelled import Labelled, Sight


@dataclass(frozen=True, slots=True)
class Limits:
    """The least cosine to fp32: of the average face, and of all faces but 1 in 100."""

    mean: float
    low: float


LIMITS: dict[VariantName, Limits] = {"int8": Limits(0.98, 0.95), "fp16": Limits(0.999, 0.999)}
"""Two embeddings that rounding moved by a cosine of 0.98 each, independently, are less alike by
4 %. 16-bit floats move them by far less; where they do not, numbers went out of their range."""
MOST_LOST = 0.003
"""Of pairs told rightly."""
MOST_SHIFT = 0.01
"""Of the cosine that one impostor pair in 1,000 reaches: beyond it fp32's thresholds are no
longer the variant's."""
LEAST_PAIRS = 200
"""Genuine pairs (and as many impostors): with fewer, one pair is more than what may be lost."""
LEAST_AGREED = 0.98
"""Of fp32's faces, found by a detector's variant too, and of its faces, found by fp32 too. Some
faces are at the edge of what is found, and rounding decides which."""
MOST_MISSED = 0.005
"""Of labelled faces, more than fp32 misses; and of finds, more that are no labelled face."""
LEAST_LABELLED = 200
"""Labelled faces: with fewer, one face is more than what may be missed."""
LEAST_GAIN = 1.1
"""A detector that is hardly faster than fp32 is not worth another pack."""
SMALLEST, OVERLAP = 20, 0.4
"""Faces that count, by their height in pixels, and how far a find lies on one (intersection over
union), as in benchmarks/accuracy/detection.py."""


def require_labelled(photos: Sequence[Labelled]) -> None:
    """Raise FatalError where photos with boxes are to judge, and have too few to tell."""
    number = labelled_faces(photos)
    if photos and number < LEAST_LABELLED:
        raise FatalError(
            f"{number} labelled faces of {SMALLEST} pixels and more on the photos that judge: a "
            f"gate needs {LEAST_LABELLED}, from half of the photos"
        )


def labelled_faces(photos: Sequence[Labelled]) -> int:
    """How many labelled faces count."""
    return sum(int((p.boxes[:, 3] >= SMALLEST).sum()) for p in photos if p.boxes is not None)


def findings(
    photos: Sequence[Labelled], expected: Sequence[Sight], got: Sequence[Sight]
) -> Findings:
    """What a variant found in photos, beside what fp32 found in each, and beside the labels."""
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
    """Of boxes that count, how many have one of the others on them; and how many there are."""
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
    """By what a detector's form fails, in words; nothing where it passes."""
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
        f"{false:.2%} more of the finds are no labelled face, over {MOST_MISSED:.1%}": (
            false > MOST_MISSED
        ),
        f"it is {gain:.2f} times as fast as fp32, and should be {LEAST_GAIN}": gain < LEAST_GAIN,
    }
    return tuple(fault for fault, is_so in faults.items() if is_so)


# -- embeddings --------------------------------------------------------------------------------


def compare(expected: Floats, got: Floats, people: NDArray[np.int64]) -> Measured:
    """Embeddings (N x D) of fp32 and of a variant, of the same N faces of these people.

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
    """The cosine that one impostor pair in 1,000 reaches."""
    return float(np.quantile(impostor, 1 - 1e-3))


def accuracy(genuine: Cosines, impostor: Cosines) -> float:
    """The share of pairs told rightly at the threshold that tells most of these pairs rightly."""
    scores = np.concatenate([genuine, impostor])
    gains = np.concatenate([np.ones(len(genuine)), -np.ones(len(impostor))])
    right = np.cumsum(gains[np.argsort(-scores, kind="stable")]).max()
    return float((max(right, 0) + len(impostor)) / len(scores))


def faults_of(measured: Measured, variant: VariantName = "int8") -> tuple[str, ...]:
    """By what a variant fails, in words; nothing where it passes."""
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
