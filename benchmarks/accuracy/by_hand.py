"""Measures how near the embeddings of faces drawn by hand are to those of detected ones.

    python -m benchmarks.accuracy.by_hand FOLDER... [--model PACK] [--photos 60]

Every usable face of the photos is drawn where it was detected, a fifth wider on each side, and
without a look of the detector. Printed are the mean, the 5th percentile and the least cosine to the
embedding of the detected face, and the share at 0.9 and above.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headcount.errors import PhotoError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import analyse
from workers.faces.by_hand import locate, usual_landmarks
from workers.images.align import crop_faces
from workers.images.decode import Picture
from workers.models.base import ModelPack
from workers.models.packs.open import open_pack

MOST_PIXELS = 10**8
WIDER = 0.2


def cosines(data: bytes, pack: ModelPack) -> dict[str, NDArray[np.float32]]:
    """Cosines of drawn to detected faces of a photo, by the way that they were drawn."""
    found = analyse(data, pack, max_pixels=MOST_PIXELS)
    rows = np.flatnonzero(found.usable)
    boxes, known = found.boxes[rows], found.embeddings[rows]
    image = Picture(data, max_pixels=MOST_PIXELS).at_least(max(found.width, found.height)).image
    grown = boxes + boxes[:, [2, 3, 2, 3]] * np.array([-WIDER, -WIDER, 2 * WIDER, 2 * WIDER])
    marks = {
        "as detected": locate(image, boxes, pack.detector).faces.landmarks,
        "a fifth wider": locate(image, grown.astype(np.float32), pack.detector).faces.landmarks,
        "usual landmarks": np.array([usual_landmarks(box) for box in boxes]).reshape(-1, 5, 2),
    }
    return {
        way: np.sum(pack.recogniser.embed(crop_faces(image, points)) * known, axis=1)
        for way, points in marks.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--photos", type=int, default=60)
    arguments = parser.parse_args()
    pack = open_pack(arguments.model, Settings(), S3Settings())
    for folder in arguments.folders:
        photos = sorted(folder.rglob("*.jpg"))
        told: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
        for photo in photos[:: max(1, len(photos) // arguments.photos)][: arguments.photos]:
            try:
                for way, some in cosines(photo.read_bytes(), pack).items():
                    told[way].append(some)
            except PhotoError:
                continue
        for way, parts in told.items():
            all_of = np.concatenate(parts)
            low, good = np.percentile(all_of, 5), (all_of >= 0.9).mean()
            print(
                f"{folder.name}, {way}: {len(all_of)} faces, mean {all_of.mean():.3f}, 5th "
                f"percentile {low:.2f}, least {all_of.min():.2f}, {good:.0%} at 0.9 or more"
            )


if __name__ == "__main__":
    main()
