"""Counts clusters of strangers in crowd photos, and draws them to be judged by eye.

    python -m benchmarks.accuracy.strangers CROWDS PEOPLE --out FOLDER [--people 60]

CROWDS is a folder of group photos that share nobody, or next to nobody: a cluster over several of
them is nearly always wrong. PEOPLE has a folder per person with two photos or more: two photos of
each of some people are mixed in, who should be joined. `headcount run` takes the roll of all of
them. Printed are the faces that were judged, the clusters over several crowd photos, and how many
of the people were joined. FOLDER/sheet.png has a line for each of these clusters.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workers.images.decode import decode

SUFFIXES = (".jpg", ".jpeg", ".png")
CROWD = "crowd-"
SIDE, MOST = 112, 10
"""Pixels of a face on the sheet, and faces of one cluster at most."""
AROUND = 0.3
"""Margin around a face's box, in parts of its size."""

Row = dict[str, Any]


def main() -> None:
    asked = options()
    photos = asked.out / "photos"
    people = mix(asked.crowds, asked.faces, photos, asked.people)
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "run"]
    results = asked.out / "results"
    subprocess.run([*command, photos, "--out", results, "--annotate", "0"], check=True)
    faces: list[Row] = pq.read_table(results / "faces.parquet").to_pylist()
    wrong = over_several(faces)
    print(f"faces: {len(faces):,}, judged: {sum(row['decision'] != 'ignored' for row in faces):,}")
    print(f"clusters over several crowd photos: {len(wrong)}")
    print(f"people joined: {joined(faces)} of {people}")
    if wrong:
        cv2.imwrite(str(asked.out / "sheet.png"), sheet(wrong, photos))
        print(f"to be judged by eye: {asked.out / 'sheet.png'}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crowds", type=Path)
    parser.add_argument("faces", type=Path, metavar="PEOPLE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=60)
    return parser.parse_args()


def mix(crowds: Path, people: Path, out: Path, count: int) -> int:
    """Copy the crowd photos, and two photos of each of some people; the number of these."""
    out.mkdir(parents=True)
    for number, photo in enumerate(images(crowds)):
        shutil.copy(photo, out / f"{CROWD}{number:04d}{photo.suffix}")
    folders = [folder for folder in sorted(people.iterdir()) if len(images(folder)) > 1]
    chosen = random.Random(0).sample(folders, min(count, len(folders)))  # noqa: S311 - a sample
    for number, folder in enumerate(chosen):
        for which, photo in enumerate(images(folder)[:2]):
            shutil.copy(photo, out / f"{number:04d}-{which}{photo.suffix}")
    return len(chosen)


def images(folder: Path) -> list[Path]:
    """List the photos below a folder, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def over_several(faces: list[Row]) -> list[list[Row]]:
    """Clusters with faces in several crowd photos, the largest first."""
    clusters: defaultdict[str, list[Row]] = defaultdict(list)
    for row in faces:
        if row["cluster_id"] is not None and row["photo"].startswith(CROWD):
            clusters[row["cluster_id"]].append(row)
    several = [rows for rows in clusters.values() if len({row["photo"] for row in rows}) > 1]
    return sorted(several, key=len, reverse=True)


def joined(faces: list[Row]) -> int:
    """Number of people whose two photos share a cluster of largest faces."""
    largest: dict[str, Row] = {}
    for row in faces:
        if not row["photo"].startswith(CROWD):
            best = largest.get(row["photo"])
            if best is None or row["w"] * row["h"] > best["w"] * best["h"]:
                largest[row["photo"]] = row
    seen = Counter(
        (photo.split("-")[0], row["cluster_id"])
        for photo, row in largest.items()
        if row["cluster_id"]
    )
    return sum(count > 1 for count in seen.values())


def sheet(clusters: list[list[Row]], photos: Path) -> NDArray[np.uint8]:
    """Draw a line of faces for each cluster, as BGR pixels."""
    made = np.full((SIDE * len(clusters), SIDE * MOST, 3), 255, np.uint8)
    for down, rows in enumerate(clusters):
        for right, row in enumerate(rows[:MOST]):
            place = (slice(SIDE * down, SIDE * (down + 1)), slice(SIDE * right, SIDE * (right + 1)))
            made[place] = crop(photos / row["photo"], row)
    return made


def crop(photo: Path, row: Row) -> NDArray[np.uint8]:
    """Cut a face out of its photo, with a margin, as BGR pixels."""
    image = decode(photo.read_bytes(), max_pixels=10**9, min_long_side=0).image
    x, y, w, h = (row[name] for name in "xywh")
    top, left = max(0, int(y - AROUND * h)), max(0, int(x - AROUND * w))
    cut = image[top : int(y + (1 + AROUND) * h), left : int(x + (1 + AROUND) * w), ::-1]
    return np.asarray(cv2.resize(np.ascontiguousarray(cut), (SIDE, SIDE)), np.uint8)


if __name__ == "__main__":
    main()
