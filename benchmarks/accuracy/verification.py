"""Measures how often two photos are rightly told to show one person or two, as LFW's protocol does.

    python -m benchmarks.accuracy.verification FOLDER [--model PACK] [--pairs 6000]

FOLDER holds one folder per person with photos whose central face is that person. People are dealt
into ten folds that share nobody; each fold has as many pairs of one person as of two. The
threshold for a fold is the best of the other nine (http://vis-www.cs.umass.edu/lfw/README.txt).
A photo without a usable face makes its pairs wrong. Compared are the evidences of pairs.
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.labelled import evidence_of, labelled
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.models.packs.open import open_pack

FOLDS = 10
NO_FACE = -2.0
Pair = tuple[str, str]


def folds_of(folder: Path, number: int, rng: np.random.Generator) -> list[list[tuple[Pair, bool]]]:
    """Pairs of files, and whether both show one person, fold by fold."""
    people = sorted(path for path in folder.iterdir() if path.is_dir())
    dealt = [[people[n] for n in part] for part in np.array_split(rng.permutation(len(people)), 10)]
    return [_pairs(part, number // FOLDS // 2, rng) for part in dealt]


def _pairs(people: list[Path], each: int, rng: np.random.Generator) -> list[tuple[Pair, bool]]:
    photos = [sorted(str(p) for p in person.iterdir()) for person in people]
    genuine = [pair for files in photos for pair in combinations(files, 2)]
    chosen = rng.permutation(len(genuine))[:each]
    impostor: dict[Pair, None] = {}
    while len(impostor) < len(chosen):
        one, other = rng.choice(len(photos), 2, replace=False)
        impostor[str(rng.choice(photos[one])), str(rng.choice(photos[other]))] = None
    return [(genuine[n], True) for n in chosen] + [(pair, False) for pair in impostor]


def best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The threshold that tells most of these pairs rightly."""
    order = np.argsort(-scores)
    right = np.cumsum(np.where(same[order], 1, -1))
    best = int(right.argmax())
    following = scores[order][min(best + 1, len(order) - 1)]
    return float((scores[order][best] + following) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--cache", type=Path, help="faces are kept here between runs")
    parser.add_argument("--pairs", type=int, default=6000)
    arguments = parser.parse_args()
    faces = labelled(arguments.folder, arguments.model, arguments.cache)
    alike = evidence_of(faces, open_pack(arguments.model, Settings(), S3Settings()).record)
    places = zip(faces.people.tolist(), faces.photos.tolist(), strict=True)
    rows = {str(arguments.folder / who / photo): row for row, (who, photo) in enumerate(places)}
    folds = folds_of(arguments.folder, arguments.pairs, np.random.default_rng(0))
    scores, same = [], []
    for fold in folds:
        scores.append(
            np.array(
                [
                    float(alike[rows[a], rows[b]]) if a in rows and b in rows else NO_FACE
                    for (a, b), _ in fold
                ]
            )
        )
        same.append(np.array([one for _, one in fold]))
    accuracies = []
    for n in range(FOLDS):
        others = [m for m in range(FOLDS) if m != n]
        threshold = best_threshold(
            np.concatenate([scores[m] for m in others]), np.concatenate([same[m] for m in others])
        )
        said = scores[n] >= threshold
        accuracies.append(float(((said == same[n]) & (scores[n] > NO_FACE)).mean()))
    total = sum(len(fold) for fold in folds)
    lost = sum(int((part == NO_FACE).sum()) for part in scores)
    print(
        f"{total} pairs, {lost} with a photo in which no usable face was found: "
        f"accuracy {np.mean(accuracies):.2%} +- {np.std(accuracies) / FOLDS**0.5:.2%}"
    )


if __name__ == "__main__":
    sys.exit(main())
