"""Measures what a closer look at faces of small photos does to pairs of one person.

    python -m benchmarks.accuracy.closer FOLDER [--model PACK] [--per-person N]

FOLDER holds one folder per person with photos whose central face is that person. Each photo is
analysed with the closer look (workers/faces/closer.py) and without it. Printed are the shares of
genuine pairs below some cosines: of all pairs, and with every person weighed alike, since a few
people have most of the pairs; and the cosine that one impostor pair in 10,000 reaches.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.thresholds import central
from benchmarks.harness import heading, row
from headcount.errors import PhotoError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import analyse
from workers.faces.merging import Found
from workers.models.base import Detector, Image, ModelPack
from workers.models.packs.open import open_pack

COSINES = (0.42, 0.45, 0.48)
RARE = 1e-4

Floats = NDArray[np.float32]


def not_looked(_image: Image, found: Found, _detector: Detector) -> Found:
    """The faces as the search found them."""
    return found


def main() -> None:
    asked = options()
    pack = open_pack(asked.model, Settings(), S3Settings())
    photos = list(chosen(asked.folder, asked.per_person))
    print("\n".join(heading("landmarks", "pairs", "mean", *titles(), "impostors at 1e-4")))
    with patch("workers.faces.detection.look_closer", not_looked):
        print(row(["of the pass", *figures(photos, pack)]), flush=True)
    print(row(["and a closer look", *figures(photos, pack)]))


def options() -> argparse.Namespace:
    """The wishes on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--per-person", type=int, help="photos of each person, at most")
    return parser.parse_args()


def chosen(folder: Path, most: int | None) -> Iterator[Path]:
    """Photos of people who have two or more."""
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        photos = sorted(person.iterdir())
        if len(photos) > 1:
            yield from islice(photos, most)


def titles() -> list[str]:
    """Headings of the shares of pairs."""
    return [f"below {cosine} {of}" for cosine in COSINES for of in ("(pairs)", "(people)")]


def figures(photos: list[Path], pack: ModelPack) -> list[str]:
    """The cells of one row."""
    people, vectors = embedded(photos, pack)
    cosines = vectors @ vectors.T
    upper = np.triu(np.ones(cosines.shape, bool), 1)
    same = people[:, None] == people[None]
    one, _ = np.nonzero(upper & same)
    genuine, impostor = cosines[upper & same], cosines[upper & ~same]
    weights = 1 / np.bincount(people[one])[people[one]]
    at = len(impostor) - max(1, int(RARE * len(impostor)))
    shares = [
        f"{100 * np.average(genuine < cosine, weights=by):.2f} %"
        for cosine in COSINES
        for by in (None, weights)
    ]
    rare = float(np.partition(impostor, at)[at])
    return [f"{len(genuine):,}", f"{genuine.mean():.4f}", *shares, f"{rare:.4f}"]


def embedded(photos: list[Path], pack: ModelPack) -> tuple[NDArray[np.int64], Floats]:
    """Numbers of people and embeddings of the central faces of photos."""
    names, vectors = [], []
    for path in photos:
        try:
            found = analyse(path.read_bytes(), pack, max_pixels=10**8)
        except PhotoError:
            continue
        if len(found):
            names.append(path.parent.name)
            vectors.append(found.embeddings[central(found.boxes, found.width, found.height)])
    _, people = np.unique(names, return_inverse=True)
    return people.astype(np.int64), np.stack(vectors)


if __name__ == "__main__":
    main()
