"""Measures photos per second, end to end from disk, beside insightface's FaceAnalysis.

    python benchmarks/speed.py PHOTOS DETECTOR.onnx [--photos 6] [--rounds 3] [--megapixels 1,12]
                               [--out docs/performance.md]

The largest files of the folder PHOTOS are enlarged to each size and encoded again (JPEG, quality
90). Every contestant runs the same DETECTOR (an SCRFD with
landmarks) and the embedded pack's recogniser, warm, in rounds that take turns. Figures are ratios
of the median rounds. insightface is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from headcount.settings import S3Settings, Settings
from workers import decode as decode_module
from workers.analyse import analyse
from workers.models.base import Floats, ModelPack
from workers.models.packs import load_pack, resolve_pack
from workers.models.prepare import prepared

MOST_PIXELS = 10**9
Contestant = Callable[[Sequence[Path]], list[Floats]]


def enlarged(photo: Path, megapixels: int, folder: Path) -> Path:
    """The photo with so many million pixels, as a new file."""
    with Pillow.open(photo) as opened:
        picture = opened.convert("RGB")
    factor = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    size = round(picture.width * factor), round(picture.height * factor)
    file = io.BytesIO()
    picture.resize(size, Pillow.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    place = folder / f"{megapixels}-{photo.stem}.jpg"
    place.write_bytes(file.getvalue())
    return place


def pack_folder(detector: Path, settings: Settings, folder: Path) -> Path:
    """A folder with the detector and the embedded recogniser, prepared, as any peer can load it."""
    embedded = resolve_pack("embedded", settings, S3Settings()).recogniser
    ready = prepared(embedded.data, embedded.name, settings.cache_dir, free_size=False)
    place = folder / "models" / "same"
    place.mkdir(parents=True)
    data = ready if isinstance(ready, bytes) else Path(ready).read_bytes()
    (place / "recogniser.onnx").write_bytes(data)
    (place / "detector.onnx").write_bytes(detector.read_bytes())
    return place


def headcount_with(pack: ModelPack, threads: int) -> Contestant:
    """What a worker does with each photo, in so many threads."""

    def one(path: Path) -> Floats:
        return analyse(path.read_bytes(), pack, max_pixels=MOST_PIXELS).descriptors

    def run(photos: Sequence[Path]) -> list[Floats]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, photos))

    return run


def by_pillow(contestant: Contestant) -> Contestant:
    """The same with every JPEG decoded by Pillow."""

    def run(photos: Sequence[Path]) -> list[Floats]:
        kept, decode_module.decode_jpeg = decode_module.decode_jpeg, lambda *_: None
        try:
            return contestant(photos)
        finally:
            decode_module.decode_jpeg = kept

    return run


def face_analysis(folder: Path) -> Contestant | None:
    """insightface's own loop over cv2.imread, detection and recognition only."""
    try:
        from insightface.app import FaceAnalysis
    except ImportError:
        return None
    app = FaceAnalysis(
        name=folder.name,
        root=str(folder.parents[1]),
        allowed_modules=["detection", "recognition"],
        providers=["CPUExecutionProvider"],
    )
    app.prepare(ctx_id=-1, det_size=(640, 640))

    def run(photos: Sequence[Path]) -> list[Floats]:
        found = (app.get(cv2.imread(str(path))) for path in photos)
        return [np.array([face.normed_embedding for face in faces]) for faces in found]

    return run


def seconds_of(
    contestants: dict[str, Contestant], photos: Sequence[Path], rounds: int
) -> dict[str, float]:
    """Median seconds for all photos; the contestants take turns, after a round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, run in contestants.items():
            began = time.perf_counter()
            run(photos)
            if number:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(spent) for name, spent in times.items()}


def alike(ours: list[Floats], theirs: list[Floats]) -> float:
    """The share of their faces that have one of ours of cosine 0.999 or more on the same photo."""
    best = [
        (one @ other.T).max(axis=0) if len(one) else np.zeros(len(other))
        for one, other in zip(ours, theirs, strict=True)
        if len(other)
    ]
    return float((np.concatenate(best) >= 0.999).mean()) if best else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megapixels", default="1,12")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings = Settings()
    chosen = sorted(options.folder.rglob("*.jpg"), key=lambda path: -path.stat().st_size)
    chosen = chosen[: options.photos]
    lines = ["| photos | contestant | photos/s | times FaceAnalysis |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pack_folder(options.detector, settings, Path(scratch))
        pack = load_pack(resolve_pack(str(folder), settings, S3Settings()), settings)
        ours = headcount_with(pack, settings.threads)
        contestants = {
            f"headcount, {settings.threads} threads": ours,
            "headcount, 1 thread": headcount_with(pack, 1),
            f"headcount, {settings.threads} threads, JPEGs by Pillow": by_pillow(ours),
        }
        peer = face_analysis(folder)
        if peer:
            contestants["FaceAnalysis"] = peer
        for megapixels in map(int, options.megapixels.split(",")):
            photos = [enlarged(photo, megapixels, Path(scratch)) for photo in chosen]
            spent = seconds_of(contestants, photos, options.rounds)
            base = spent.get("FaceAnalysis")
            for name, seconds in spent.items():
                ratio = f"{base / seconds:.2f}" if base else "not installed"
                speed = f"{len(photos) / seconds:.2f}"
                lines.append(f"| {megapixels} MP | {name} | {speed} | {ratio} |")
            if peer:
                found, theirs = ours(photos), peer(photos)
                counts = json.dumps([sum(map(len, found)), sum(map(len, theirs))])
                print(
                    f"{megapixels} MP: faces [ours, theirs] {counts}, {alike(found, theirs):.1%} "
                    "of theirs with cosine >= 0.999 to ours",
                    file=sys.stderr,
                )
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(
            "# Performance\n\nPrinted by `python benchmarks/speed.py`: ratios of medians.\n\n"
            f"{text}\n"
        )


if __name__ == "__main__":
    main()
