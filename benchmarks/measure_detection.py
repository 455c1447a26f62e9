"""Measures what share of labelled faces a detector finds, and how many of its finds are faces.

    python benchmarks/measure_detection.py FOLDER [--model PACK] [--passes 320,640,1280 ...]

FOLDER holds labels.csv (file,person,x,y,w,h,n_faces,note; boxes in upright pixels) and the photos.
Faces of at least 20 pixels, intersection over union 0.4; smaller labels neither count nor harm.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headcount.settings import S3Settings, Settings
from workers.decode import decode
from workers.models.base import Detector
from workers.models.packs import open_pack
from workers.models.yunet import PASSES, YuNet

SMALLEST, OVERLAP = 20, 0.4


def labels(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Boxes by file."""
    found = defaultdict(list)
    with (folder / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            if row["w"]:
                found[row["file"]].append([float(row[c]) for c in "xywh"])
    return {name: np.array(boxes) for name, boxes in found.items()}


def overlaps(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each box of one with each of the other."""
    a, b = one[:, None], other[None]
    size = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(
        a[..., :2], b[..., :2]
    )
    shared = np.clip(size, 0, None).prod(axis=-1)
    return shared / (a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared)


def measure(detector: Detector, folder: Path) -> str:
    """Recall, precision and milliseconds of one detector."""
    wanted = hit = found = right = 0
    seconds = 0.0
    for name, truth in labels(folder).items():
        image = decode((folder / name).read_bytes(), max_pixels=10**9, min_long_side=0).image
        began = time.perf_counter()
        faces = detector.detect(image)
        seconds += time.perf_counter() - began
        large = truth[:, 3] >= SMALLEST
        boxes = faces.boxes.astype(np.float64)
        table = overlaps(truth, boxes) if len(boxes) else np.zeros((len(truth), 0))
        wanted += int(large.sum())
        hit += int((table[large].max(axis=1, initial=0) >= OVERLAP).sum())
        counted = boxes[:, 3] >= SMALLEST if len(boxes) else np.zeros(0, bool)
        found += int(counted.sum())
        right += int((table.max(axis=0, initial=0)[counted] >= OVERLAP).sum())
    photos = len(labels(folder))
    return (
        f"finds {hit} of {wanted} ({hit / wanted:.1%}), {right} of its {found} finds are labelled "
        f"({right / max(found, 1):.1%}), {1000 * seconds / photos:.0f} ms per photo"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--passes", nargs="*", default=[",".join(map(str, PASSES))])
    arguments = parser.parse_args()
    detector = open_pack(arguments.model, Settings(), S3Settings()).detector
    if not isinstance(detector, YuNet):
        print(arguments.model, measure(detector, arguments.folder))
        return
    for passes in arguments.passes:
        sides = tuple(int(side) for side in passes.split(","))
        print(passes, measure(YuNet(detector.session, sides), arguments.folder))


if __name__ == "__main__":
    sys.exit(main())
