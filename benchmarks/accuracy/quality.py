"""Measures how well the quality of a face foretells that it will not be recognised.

    python -m benchmarks.accuracy.quality FOLDER [--model PACK] [--people 350]

FOLDER holds one folder per person with photos whose central face is that person. Up to three photos
of each are embedded as they are, and once more degraded: shrunk, blurred, moved, darkened,
compressed, or left alone. A degraded face fails where it is less like another photo of the person
than the cosine that one impostor pair in 1,000 reaches. Each signal rejects its worst faces first:
what is left of the failures is the error versus reject curve
(https://doi.org/10.1109/TPAMI.2007.1019); a signal that says nothing leaves them as they were.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.detection import PROFILES, search_image
from workers.faces.quality import MINIMUM_QUALITY, certainty, qualities, quality_parts
from workers.images.align import crop_faces
from workers.models.base import Image, ModelPack
from workers.models.packs.open import open_pack
from workers.models.recognisers.arcface import unit_length

PHOTOS, FMR = 3, 1e-3
REJECTED = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
BINS = (0.0, MINIMUM_QUALITY, 0.5, 0.6, 0.7, 0.8, 1.01)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Face:
    """The central face of a photo: its embedding, its quality and what that is made of."""

    embedding: NDArray[np.float32]
    signals: dict[str, float]


def degraded(image: Image, rng: np.random.Generator) -> Image:
    """The image as a poor camera, a bad moment or a messenger would have left it."""
    kind = int(rng.integers(0, 6))
    if kind == 1:
        factor = rng.uniform(0.12, 0.7)
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    elif kind == 2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 6))
    elif kind == 3:
        image = cv2.filter2D(image, -1, _streak(int(rng.integers(5, 31)), rng.uniform(0, 180)))
    elif kind == 4:
        noise = rng.normal(0, rng.uniform(1, 14), image.shape)
        image = np.clip(image * rng.uniform(0.05, 0.5) + noise, 0, 255).astype(np.uint8)
    elif kind == 5:
        quality = int(rng.integers(3, 20))
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def _streak(length: int, angle: float) -> NDArray[np.float32]:
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return np.asarray(kernel / kernel.sum(), np.float32)


def central_face(image: Image, pack: ModelPack) -> Face | None:
    """The face nearest the centre; None where none was found."""
    faces = search_image(image, pack.detector, PROFILES["balanced"]).faces
    if not len(faces):
        return None
    centres = faces.boxes[:, :2] + faces.boxes[:, 2:] / 2
    nearest = np.abs(centres - np.array(image.shape[1::-1]) / 2).sum(axis=1).argmin()
    one = faces.where(np.array([nearest]))
    crops = crop_faces(image, one.landmarks)
    features = pack.recogniser.features(crops)
    seen = (one.boxes, one.landmarks, one.scores, crops)
    sure = certainty(features, pack.record.feature_lengths)
    signals = {"quality": qualities(*seen, sure), "quality without certainty": qualities(*seen)}
    parts = signals | quality_parts(*seen, sure)
    return Face(unit_length(features)[0], {name: float(part[0]) for name, part in parts.items()})


@dataclass(frozen=True, slots=True)
class Probes:
    """Pairs of a degraded face and another photo of its person: whether it failed, and signals."""

    failed: NDArray[np.bool_]
    signals: dict[str, Floats]
    unseen: int


def probes(folder: Path, pack: ModelPack, number: int) -> Probes:
    rng = np.random.default_rng(0)
    people = [p for p in sorted(folder.iterdir()) if p.is_dir() and len(list(p.iterdir())) > 1]
    plain: list[Face] = []
    poor: list[Face | None] = []
    who: list[int] = []
    for person, place in enumerate(rng.permutation(len(people))[:number]):
        for image in _images(people[place]):
            face = central_face(image, pack)
            if face is not None:
                plain.append(face)
                poor.append(central_face(degraded(image, rng), pack))
                who.append(person)
    seen = [n for n, face in enumerate(poor) if face is not None]
    found = [face for face in poor if face is not None]
    near = np.stack([f.embedding for f in found]) @ np.stack([f.embedding for f in plain]).T
    people_of = np.array(who)
    same = people_of[seen][:, None] == people_of
    threshold = np.quantile(near[~same], 1 - FMR)
    same[np.arange(len(seen)), seen] = False  # not the photo that it was made of
    rows, columns = np.nonzero(same)
    names = found[0].signals
    signals = {name: np.array([face.signals[name] for face in found])[rows] for name in names}
    return Probes(near[rows, columns] < threshold, signals, len(poor) - len(found))


def _images(person: Path) -> Iterator[Image]:
    for photo in sorted(person.iterdir())[:PHOTOS]:
        image = cv2.imread(str(photo))
        if image is not None:
            yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def left(failed: NDArray[np.bool_], signal: Floats, rejected: float) -> float:
    """The share of failures once the worst by a signal are rejected."""
    order = np.argsort(signal, kind="stable")
    return float(failed[order[int(rejected * len(order)) :]].mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--people", type=int, default=350)
    asked = parser.parse_args()
    seen = probes(asked.folder, open_pack(asked.model, Settings(), S3Settings()), asked.people)
    print(f"{len(seen.failed)} pairs; in {seen.unseen} degraded photos no face was found")
    print(f"failures left | {' | '.join(f'{share:.0%} rejected' for share in REJECTED)} | mean")
    for name, signal in seen.signals.items():
        curve = np.mean([left(seen.failed, signal, share) for share in np.linspace(0, 0.5, 51)])
        cells = [f"{left(seen.failed, signal, share):.1%}" for share in REJECTED]
        print(f"{name} | {' | '.join(cells)} | {curve:.1%}")
    quality = seen.signals["quality"]
    for low, high in pairwise(BINS):
        here = (quality >= low) & (quality < high)
        if here.any():
            print(
                f"quality {low:.1f} to {high:.1f}: {seen.failed[here].mean():.0%} of {here.sum()}"
            )


if __name__ == "__main__":
    sys.exit(main())
