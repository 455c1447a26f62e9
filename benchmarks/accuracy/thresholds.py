"""Measures how alike faces of one person and of others are, and what thresholds follow.

    python -m benchmarks.accuracy.thresholds FOLDER [--model PACK]

FOLDER holds one folder per person with photos whose central face is that person. All pairs of
photos of one person are genuine, all pairs of photos of different people impostors. Each half of
the people gives thresholds for the other half, whose false match rate at them is printed. The
calibration (logistic regression of a pair's cosine, both kinds weighted alike) is fitted on half
of the people and checked on the other half.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headcount.errors import PhotoError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import analyse
from workers.matching.calibration import logistic
from workers.models.packs.open import open_pack

FMRS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def central(boxes: NDArray[np.float32], width: int, height: int) -> int:
    """The face nearest to the centre of the photo."""
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return int(np.abs(centres - np.array([width, height]) / 2).sum(axis=1).argmin())


def embeddings(folder: Path, model: str) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    """Person, file and embedding of each photo with a face."""
    pack = open_pack(model, Settings(), S3Settings())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            found = analyse(path.read_bytes(), pack, max_pixels=10**8)
        except PhotoError:
            continue
        if len(found):
            yield (
                path.parent.name,
                str(path),
                found.embeddings[central(found.boxes, found.width, found.height)],
            )


def pairs(
    people: NDArray[np.int64], vectors: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines of all genuine and of all impostor pairs."""
    cosines = vectors @ vectors.T
    upper = np.triu(np.ones(cosines.shape, bool), 1)
    same = people[:, None] == people[None]
    return cosines[upper & same], cosines[upper & ~same]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    arguments = parser.parse_args()
    rows = list(embeddings(arguments.folder, arguments.model))
    names = sorted({name for name, _, _ in rows})
    people = np.array([names.index(name) for name, _, _ in rows])
    vectors = np.stack([vector for _, _, vector in rows])
    genuine, impostor = pairs(people, vectors)
    print(
        f"{len(rows)} faces of {len(names)} people: {len(genuine):,} genuine pairs, "
        f"{len(impostor):,} impostor pairs"
    )
    for fmr in FMRS:
        threshold = exceeded(impostor, fmr)
        print(f"FMR {fmr:.0e}: cosine {threshold:.3f}, TMR {(genuine >= threshold).mean():.4f}")
    half = np.array([hashlib.sha256(n.encode()).digest()[0] % 2 for n in names])[people] == 0
    halves = [pairs(people[one], vectors[one]) for one in (half, ~half)]
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
    """The cosine that so small a share of impostor pairs reaches."""
    at = len(impostor) - max(1, int(fmr * len(impostor)))
    return np.partition(impostor, at)[at]


def check(
    beta: tuple[float, float], genuine: NDArray[np.float32], impostor: NDArray[np.float32]
) -> None:
    """Said and seen shares of genuine pairs on the other half, by band of probability."""
    cosines = np.concatenate([genuine, impostor])
    weight = np.concatenate(
        [np.full(len(genuine), 1 / len(genuine)), np.full(len(impostor), 1 / len(impostor))]
    )
    said = 1 / (1 + np.exp(-(beta[0] * cosines + beta[1])))
    same = np.arange(len(cosines)) < len(genuine)
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
