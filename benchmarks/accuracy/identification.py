"""Measures searches in a gallery: ways to fuse references on labelled faces, and matching's speed.

    python -m benchmarks.accuracy.identification FOLDER [--cache FILE]
    python -m benchmarks.accuracy.identification --speed

Half of the people with more than R photos are enrolled with R of them; probes are all other faces.
Printed is the share of enrolled probes that are found and rightly named at the threshold at which 1
in 100 strangers is taken for somebody (mean of five draws). The speed is beside a bare matrix
product of the same blocks: 20,000 faces and 10,000 references, medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.clusters import load
from workers.faces.evidence import no_weaknesses
from workers.matching.match import match
from workers.people.gallery import Gallery

STRANGERS, DRAWS = 1e-2, 5


def found(
    cosines: NDArray[np.float32], people: NDArray[np.int64], enrolled: NDArray[np.int64]
) -> float:
    """The detection and identification rate of probes x enrolled people."""
    best, alike = enrolled[cosines.argmax(axis=1)], cosines.max(axis=1)
    known = np.isin(people, enrolled)
    impostor_pairs = np.sort(alike[~known])
    threshold = impostor_pairs[-int(STRANGERS * len(impostor_pairs)) - 1]
    return float(((alike > threshold) & (best == people))[known].mean())


def draw(
    vectors: NDArray[np.float32], people: NDArray[np.int64], references: int, seed: int
) -> dict[str, float]:
    random = np.random.default_rng(seed)
    several = np.flatnonzero(np.bincount(people) > references)
    enrolled = np.sort(random.permutation(several)[: len(several) // 2])
    rows = np.stack(
        [random.permutation(np.flatnonzero(people == p))[:references] for p in enrolled]
    )
    probes = np.setdiff1d(np.arange(len(people)), rows.ravel())
    faces = vectors[probes]
    each = (faces @ vectors[rows.ravel()].T).reshape(len(probes), len(enrolled), references)
    means = vectors[rows].sum(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    best, template = each.max(axis=2), faces @ means.T
    ways = {
        "best reference": best,
        "mean of cosines": each.mean(axis=2),
        "mean template": template,
        "best of references and template (ours)": np.maximum(best, template),
    }
    return {name: found(cosines, people[probes], enrolled) for name, cosines in ways.items()}


def speed(faces: int = 20_000, references: int = 10_000, block: int = 512) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((faces + references, 128), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    names = tuple(str(n) for n in range(references))
    held = Gallery(
        names,
        names,
        np.arange(references),
        rows[faces:],
        no_weaknesses(references),
        names,
        names,
        np.zeros((references, 4), np.float32),
    )
    turned, rates = rows[faces:].T, []
    product = np.empty((block, references), np.float32)
    for _ in range(3):
        began = time.perf_counter()
        for start in range(0, faces - block, block):
            np.dot(rows[start : start + block], turned, out=product)
        middle = time.perf_counter()
        match(rows[:faces], held)
        rates.append((middle - began) / (time.perf_counter() - middle))
    print(f"matching runs at {np.median(rates):.2f} of the rate of the bare product")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    names, vectors = load(arguments.folder, arguments.model, arguments.cache)
    people = np.unique(names, return_inverse=True)[1]
    for references in (1, 2, 3, 5):
        draws = [draw(vectors, people, references, seed) for seed in range(DRAWS)]
        shares = ", ".join(f"{n} {np.mean([d[n] for d in draws]):.4f}" for n in draws[0])
        print(f"{references} references: {shares}")


if __name__ == "__main__":
    main()
