"""Measures what share of labelled faces is found, how many finds are faces, and at what cost.

    python benchmarks/measure_detection.py FOLDER [--model PACK] [--rounds 1]

FOLDER holds labels.csv (file,person,x,y,w,h,n_faces,note; boxes in upright pixels) and the photos.
Faces of at least 20 pixels, intersection over union 0.4; smaller labels neither count nor harm.
Each profile, and one pass at long side 1024 as the peer, in turn on each photo; the cost is the
detection time in parts of that pass. Decoding is not in it.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headcount.settings import S3Settings, Settings
from workers.decode import Picture
from workers.models.base import Detector
from workers.models.boxes import overlaps
from workers.models.packs import open_pack
from workers.search import PROFILES, Found, Profile, search

SMALLEST, OVERLAP = 20, 0.4
PEER = "one pass at 1024"


def labels(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Boxes by file."""
    found = defaultdict(list)
    with (folder / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            if row["w"]:
                found[row["file"]].append([float(row[c]) for c in "xywh"])
    return {name: np.array(boxes, np.float32) for name, boxes in found.items()}


@dataclass
class Score:
    """What one way of searching found so far."""

    wanted: int = 0
    hit: int = 0
    found: int = 0
    right: int = 0
    seconds: list[float] = field(default_factory=list)
    passes: Counter[str] = field(default_factory=Counter)

    def add(self, truth: NDArray[np.float32], faces: Found) -> None:
        """Hold one photo's finds against its labels."""
        boxes = faces.faces.boxes
        table = overlaps(truth, boxes)
        large = truth[:, 3] >= SMALLEST
        counted = boxes[:, 3] >= SMALLEST
        self.wanted += int(large.sum())
        self.hit += int((table[large].max(axis=1, initial=0) >= OVERLAP).sum())
        self.found += int(counted.sum())
        self.right += int((table.max(axis=0, initial=0)[counted] >= OVERLAP).sum())
        self.passes.update(faces.passes)

    def told(self, peer: float) -> str:
        """One row of a table."""
        return (
            f"{1 - self.hit / self.wanted:6.1%} | {self.right / max(self.found, 1):6.1%} | "
            f"{sum(self.seconds) / peer:5.2f}"
        )


def searched(picture: Picture, detector: Detector, profile: Profile) -> tuple[Found, float]:
    """The faces of a photo and the seconds that finding them took, without decoding."""
    picture.at_least(1 << 30)
    began = time.perf_counter()
    found = search(picture, detector, profile)
    return found, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    detector = open_pack(arguments.model, Settings(), S3Settings()).detector
    ways: dict[str, Profile] = {PEER: Profile((1024,), enlarge=4.0), **PROFILES}
    scores = {name: Score() for name in ways}
    for round_ in range(arguments.rounds):
        for name, truth in labels(arguments.folder).items():
            picture = Picture((arguments.folder / name).read_bytes(), max_pixels=10**9)
            for way, profile in ways.items():
                found, seconds = searched(picture, detector, profile)
                scores[way].seconds.append(seconds)
                if not round_:
                    scores[way].add(truth, found)
    peer = sum(scores[PEER].seconds)
    print("way | missed | precision | cost\n--- | --- | --- | ---")
    for way, score in scores.items():
        print(f"{way} | {score.told(peer)}")
    print(f"{scores[PEER].wanted} labelled faces; the passes that found them:")
    for way, score in scores.items():
        print(f"  {way}: {dict(score.passes.most_common(6))}")


if __name__ == "__main__":
    sys.exit(main())
