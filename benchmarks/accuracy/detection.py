"""Measures what share of labelled faces is found, how many finds are faces, and at what cost.

    python -m benchmarks.accuracy.detection FOLDER [--model PACK] [--rounds 1] [--mosaic 5000]
        [--face-recognition PYTHON] [--face-api FOLDER]

FOLDER holds labels.csv (file,person,x,y,w,h,n_faces,note; boxes in upright pixels) and the photos.
Faces of at least 20 pixels, intersection over union 0.4; smaller labels neither count nor harm.
Each profile, and one pass at long side 1024 as the peer, in turn on each photo; the cost is the
detection time in parts of that pass. Decoding is not in it. With --mosaic the photos are laid into
pages of this width, four beside each other in three rows: large group photos. Other programs
(peers.py) are asked for their faces alone, what they cost is measured by speed.py.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.contestants import Contestant, face_api, face_recognition
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.detection import PROFILES, Found, Profile, search
from workers.images.decode import Picture
from workers.images.turns import quarters_between
from workers.models.base import Detector, Image
from workers.models.detectors.boxes import overlaps
from workers.models.packs.open import open_pack

SMALLEST, OVERLAP = 20, 0.4
ROWS, COLUMNS = 3, 4
PEER = "one pass at 1024"


def labels(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Boxes by file."""
    found = defaultdict(list)
    with (folder / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            if row["w"]:
                found[row["file"]].append([float(row[c]) for c in "xywh"])
    return {name: np.array(boxes, np.float32) for name, boxes in found.items()}


Labelled = tuple[bytes, NDArray[np.float32]]


def photos_of(folder: Path) -> Iterator[Labelled]:
    """The bytes and the labels of each photo."""
    for name, truth in labels(folder).items():
        yield (folder / name).read_bytes(), truth


def pages_of(photos: Iterable[Labelled], width: int) -> Iterator[Labelled]:
    """Mosaics of twelve photos each, as JPEGs, with the labels of all."""
    while group := list(islice(photos, ROWS * COLUMNS)):
        rows, boxes, top = [], [], 0
        for start in range(0, len(group), COLUMNS):
            cells = [_cell(*photo, width // COLUMNS) for photo in group[start : start + COLUMNS]]
            height = max(len(pixels) for pixels, _ in cells)
            row = np.zeros((height, width, 3), np.uint8)
            for column, (pixels, truth) in enumerate(cells):
                left = column * (width // COLUMNS)
                row[: len(pixels), left : left + pixels.shape[1]] = pixels
                boxes.append(truth + np.array([left, top, 0, 0], np.float32))
            rows.append(row)
            top += height
        page = cv2.imencode(".jpg", np.concatenate(rows)[:, :, ::-1])[1].tobytes()
        yield page, np.concatenate(boxes)


def _cell(data: bytes, truth: NDArray[np.float32], width: int) -> tuple[Image, NDArray[np.float32]]:
    image = Picture(data, max_pixels=10**9).at_least(1 << 30).image
    factor = width / image.shape[1]
    size = (width, round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size), np.uint8), truth * np.float32(factor)


@dataclass
class Score:
    """What one way of searching found so far."""

    wanted: int = 0
    hit: int = 0
    found: int = 0
    right: int = 0
    seconds: list[float] = field(default_factory=list)
    passes: Counter[str] = field(default_factory=Counter)

    def add(self, truth: NDArray[np.float32], boxes: NDArray[np.float32]) -> None:
        """Hold one photo's finds against its labels."""
        table = overlaps(truth, boxes)
        large = truth[:, 3] >= SMALLEST
        counted = boxes[:, 3] >= SMALLEST
        self.wanted += int(large.sum())
        self.hit += int((table[large].max(axis=1, initial=0) >= OVERLAP).sum())
        self.found += int(counted.sum())
        self.right += int((table.max(axis=0, initial=0)[counted] >= OVERLAP).sum())

    def told(self, peer: float) -> str:
        """One row of a table."""
        cost = f"{sum(self.seconds) / peer:5.2f}" if self.seconds else "-"
        missed, precision = 1 - self.hit / self.wanted, self.right / max(self.found, 1)
        return f"{missed:6.1%} | {precision:6.1%} | {cost}"


def searched(data: bytes, detector: Detector, profile: Profile) -> tuple[Found, int, float]:
    """The faces of a photo, the quarters it was turned by, and the seconds, without decoding."""
    picture = Picture(data, max_pixels=10**9)
    own = picture.at_least(1 << 30).orientation
    began = time.perf_counter()
    found = search(picture, detector, profile)
    seconds = time.perf_counter() - began
    return found, quarters_between(own, picture.at_least(1).orientation), seconds


def turned(boxes: NDArray[np.float32], quarters: int, data: bytes) -> NDArray[np.float32]:
    """Boxes in a photo, in pixels of the photo turned by quarters anticlockwise."""
    whole = Picture(data, max_pixels=10**9).at_least(1 << 30)
    width, height = whole.width, whole.height
    for _ in range(quarters):
        x, y, w, h = boxes.T
        boxes = np.stack([y, width - (x + w), h, w], axis=1)
        width, height = height, width
    return boxes


def score_of(peer: Contestant, folder: Path) -> Score:
    """What another program finds on the photos."""
    score, truth = Score(), labels(folder)
    seen = peer.run([folder / name for name in truth])
    for boxes, found in zip(truth.values(), seen, strict=True):
        score.add(boxes, found.boxes)
    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mosaic", type=int, metavar="WIDTH")
    parser.add_argument("--face-recognition", type=Path, metavar="PYTHON")
    parser.add_argument("--face-api", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    detector = open_pack(arguments.model, Settings(), S3Settings()).detector
    ways: dict[str, Profile] = {PEER: Profile((1024,), enlarge=4.0), **PROFILES}
    scores = {name: Score() for name in ways}
    for round_ in range(arguments.rounds):
        photos = photos_of(arguments.folder)
        if arguments.mosaic:
            photos = pages_of(photos, arguments.mosaic)
        for data, truth in photos:
            for way, profile in ways.items():
                found, quarters, seconds = searched(data, detector, profile)
                scores[way].seconds.append(seconds)
                if not round_:
                    scores[way].add(turned(truth, quarters, data), found.faces.boxes)
                    scores[way].passes.update(found.passes)
    others = [face_recognition(arguments.face_recognition), face_api(arguments.face_api)]
    for other in others if not arguments.mosaic else ():
        if other is not None:
            scores[other.name] = score_of(other, arguments.folder)
    peer = sum(scores[PEER].seconds)
    print("way | missed | precision | cost\n--- | --- | --- | ---")
    for way, score in scores.items():
        print(f"{way} | {score.told(peer)}")
    print(f"{scores[PEER].wanted} labelled faces; the passes that found them:")
    for way, score in scores.items():
        if score.passes:
            print(f"  {way}: {dict(score.passes.most_common(6))}")


if __name__ == "__main__":
    sys.exit(main())
