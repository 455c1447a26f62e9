"""Measures what running photos together gains, and that it changes nothing.

    python -m benchmarks.speed.batching PHOTOS [--model PACK] [--provider cuda] [--threads N]

The photos are decoded and searched by N threads, each by itself and together, in rounds that take
turns; then the faces of both are compared. On a CPU together is not meant to be faster: there it
shows what the form of the networks for a GPU costs. Run it on a GPU with several values of
--threads: as many as keep its batches filled are enough.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import Analysis, analyse
from workers.models.base import ModelPack
from workers.models.batching import Batched
from workers.models.packs.open import open_pack

MOST_PIXELS = 250_000_000


def analysed(photos: list[bytes], pack: ModelPack, threads: int) -> tuple[list[Analysis], float]:
    """What the photos show, and photos per second."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda data: analyse(data, pack, max_pixels=MOST_PIXELS), photos))
    return found, len(photos) / (time.perf_counter() - began)


def differences(alone: list[Analysis], together: list[Analysis]) -> str:
    """How far the same faces lie apart, in words."""
    pairs = list(zip(alone, together, strict=True))
    same = [(a, b) for a, b in pairs if len(a) == len(b)]
    with_faces = [(a, b) for a, b in same if len(a)]
    pixels = max((float(np.abs(a.landmarks - b.landmarks).max()) for a, b in with_faces), default=0)
    cosines = [(a.embeddings * b.embeddings).sum(axis=1)[a.usable] for a, b in with_faces]
    least = float(np.concatenate(cosines).min()) if cosines else 1.0
    return (
        f"{sum(len(a) for a in alone)} faces; {len(pairs) - len(same)} of {len(pairs)} photos with "
        f"another number of them; landmarks at most {pixels:.3f} pixels apart; "
        f"least cosine of usable faces {least:.6f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--provider", default="cpu", choices=["cpu", "cuda", "tensorrt"])
    parser.add_argument("--threads", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--most", type=int, default=40, help="photos, evenly from the folder")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    files = sorted(arguments.photos.rglob("*.jpg"))
    photos = [path.read_bytes() for path in files[:: max(1, len(files) // arguments.most)]]
    alone, together = (
        open_pack(
            arguments.model,
            Settings(provider=arguments.provider, batching=batching),
            S3Settings(),
        )
        for batching in ("off", "on")
    )
    ratios = []
    for _ in range(arguments.rounds):
        one, speed_alone = analysed(photos, alone, arguments.threads)
        other, speed_together = analysed(photos, together, arguments.threads)
        ratios.append(speed_together / speed_alone)
    print(f"{len(photos)} photos, {arguments.threads} threads, {arguments.provider}")
    print(differences(one, other))
    print(f"together {np.median(ratios):.2f} times as fast as by themselves (median of rounds)")
    for name, batcher in (
        ("images", getattr(together.detector, "network", None)),
        ("faces", getattr(together.recogniser, "network", None)),
    ):
        if isinstance(batcher, Batched):
            print(f"{name} in a batch on average: {batcher.filling:.1f}")


if __name__ == "__main__":
    main()
