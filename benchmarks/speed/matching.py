"""Matching faces against a gallery, beside the matrix product that it cannot do without.

    python -m benchmarks.speed.matching [--faces 1000000] [--references 10000] [--width 128]

Faces and references are random; each person has one reference. Faces are taken in ten parts; with
each, the bare product (cosines computed and dropped, in the form that is quicker that time: one
thread per core, or the library's own threads) and the matching take turns. Rates are medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from workers.faces.evidence import no_weaknesses
from workers.matching.match import match
from workers.people.gallery import Gallery

PARTS = 10
Vectors = NDArray[np.float32]


def unit(random: np.random.Generator, count: int, width: int) -> Vectors:
    rows = random.standard_normal((count, width), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def enrolled(references: Vectors) -> Gallery:
    names = tuple(str(number) for number in range(len(references)))
    return Gallery(
        person_ids=names,
        names=names,
        starts=np.arange(len(references)),
        embeddings=references,
        weaknesses=no_weaknesses(len(references)),
        sources=names,
        photos=names,
        boxes=np.zeros((len(references), 4), np.float32),
    )


def by_threads(faces: Vectors, references: Vectors, block: int = 512) -> None:
    """The bare product by one thread per core."""

    def product(start: int) -> float:
        return float((faces[start : start + block] @ references.T)[0, 0])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(product, range(0, len(faces), block)))


def by_library(faces: Vectors, references: Vectors, block: int = 4096) -> None:
    """The bare product by the library's own threads."""
    for start in range(0, len(faces), block):
        faces[start : start + block] @ references.T


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--references", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=128)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    references = unit(random, options.references, options.width)
    gallery, part = enrolled(references), options.faces // PARTS
    flops, rows = 2 * part * references.size, []
    for _ in range(PARTS):
        faces = unit(random, part, options.width)
        bare = min(
            seconds(partial(by_threads, faces, references)),
            seconds(partial(by_library, faces, references)),
        )
        rows.append((bare, seconds(partial(match, faces, gallery))))
    ratio = median(bare / matching for bare, matching in rows)
    bare, matching = (flops / median(column) / 1e9 for column in zip(*rows, strict=True))
    print(f"{PARTS * part:,} faces x {len(references):,} references of {options.width} values")
    print(f"  bare product {bare:.0f} GFLOP/s, matching {matching:.0f} GFLOP/s")
    print(f"  matching at {100 * ratio:.0f} % of the product; peak memory {peak()} MB")


if __name__ == "__main__":
    main()
