"""Measures how alike faces of one person and of others are, and what thresholds follow.

    python -m benchmarks.accuracy.thresholds FOLDER [--model PACK]

FOLDER holds one folder per person with photos whose central face is that person. All pairs of
photos of one person are genuine, all pairs of photos of different people impostors. Each half of
the people gives thresholds for the other half, whose false match rate at them is printed. The
calibration (logistic regression of a pair's evidence, both kinds weighted alike) is fitted on half
of the people and checked on the other half.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.labelled import evidence_of, labelled
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.matching.calibration import logistic
from workers.models.packs.open import open_pack

FMRS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def central(boxes: NDArray[np.float32], width: int, height: int) -> int:
    """The face nearest to the centre of the photo."""
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return int(np.abs(centres - np.array([width, height]) / 2).sum(axis=1).argmin())


def pairs(
    people: NDArray[np.int64], evidence: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Evidence of all genuine and of all impostor pairs."""
    upper = np.triu(np.ones(evidence.shape, bool), 1)
    same = people[:, None] == people[None]
    return evidence[upper & same], evidence[upper & ~same]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--cache", type=Path, help="faces are kept here between runs")
    arguments = parser.parse_args()
    pack = open_pack(arguments.model, Settings(), S3Settings()).record
    faces = labelled(arguments.folder, arguments.model, arguments.cache)
    names, people = np.unique(faces.people, return_inverse=True)
    alike = evidence_of(faces, pack)
    genuine, impostor = pairs(people, alike)
    print(
        f"{len(faces)} faces of {len(names)} people: {len(genuine):,} genuine pairs, "
        f"{len(impostor):,} impostor pairs"
    )
    for fmr in FMRS:
        threshold = exceeded(impostor, fmr)
        print(f"FMR {fmr:.0e}: evidence {threshold:.3f}, TMR {(genuine >= threshold).mean():.4f}")
    half = np.array([hashlib.sha256(n.encode()).digest()[0] % 2 for n in names])[people] == 0
    halves = [pairs(people[one], alike[one][:, one]) for one in (half, ~half)]
    for fmr in FMRS[:3]:
        seen = [
            (there[1] >= exceeded(here[1], fmr)).mean() / fmr
            for here, there in (halves, halves[::-1])
        ]
        print(f"  held out, target {fmr:.0e}: {seen[0]:.2f} and {seen[1]:.2f} of it seen")
    beta = logistic(*halves[0])
    print(f"calibration (half of the people): slope {beta[0]:.2f}, intercept {beta[1]:.2f}")
    check(beta, *halves[1])


def exceeded(impostor: NDArray[np.float32], fmr: float) -> np.float32:
    """The evidence that so small a share of impostor pairs reaches."""
    at = len(impostor) - max(1, int(fmr * len(impostor)))
    return np.partition(impostor, at)[at]


def check(
    beta: tuple[float, float], genuine: NDArray[np.float32], impostor: NDArray[np.float32]
) -> None:
    """Said and seen shares of genuine pairs on the other half, by band of probability."""
    evidence = np.concatenate([genuine, impostor])
    weight = np.concatenate(
        [np.full(len(genuine), 1 / len(genuine)), np.full(len(impostor), 1 / len(impostor))]
    )
    said = 1 / (1 + np.exp(-(beta[0] * evidence + beta[1])))
    same = np.arange(len(evidence)) < len(genuine)
    for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 0.99), (0.99, 1.001)):
        band = (said >= low) & (said < high)
        if weight[band].sum():
            seen = weight[band & same].sum() / weight[band].sum()
            mean = np.average(said[band], weights=weight[band])
            print(
                f"  held out, said {low:.2f}..{min(high, 1):.2f}: mean {mean:.3f}, seen {seen:.3f}"
            )


if __name__ == "__main__":
    sys.exit(main())
