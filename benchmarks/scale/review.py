"""Measures the questions of a made archive: the first ones, the next after an answer, memory.

    python -m benchmarks.scale.review [--faces 1000000] [--clusters 100000] [--people 10000]

Faces are drawn around the direction of their cluster, sizes by a power law, embeddings in float16.
A tenth of the clusters is somebody enrolled; of these nine in ten were named by the run.
"""

from __future__ import annotations

import argparse
import resource
from time import perf_counter, process_time

import numpy as np

from benchmarks.harness import heading, row
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.identity.asked_groups import RunFaces
from workers.identity.suggest import Suggestions
from workers.models.packs.open import open_pack
from workers.people.gallery import Gallery
from workers.tables.columns import NONE
from workers.tables.embeddings import Embeddings

WIDTH = 128
ANSWERS = 30


def made(faces: int, clusters: int, people: int) -> tuple[RunFaces, Gallery]:
    """A run of made-up faces, and the gallery."""
    draw = np.random.default_rng(7)
    weight = np.arange(1, clusters + 1) ** -0.7
    owner = np.concatenate(
        [np.arange(clusters), draw.choice(clusters, faces - clusters, p=weight / weight.sum())]
    )
    centres = draw.standard_normal((clusters, WIDTH), np.float32) / np.float32(WIDTH**0.5)
    stored = np.empty((faces, WIDTH), np.float16)
    for start in range(0, faces, 1 << 16):
        part = owner[start : start + (1 << 16)]
        noise = draw.standard_normal((len(part), WIDTH), np.float32) * np.float32(0.065)
        vectors = centres[part] + noise
        stored[start : start + len(part)] = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    enrolled = draw.permutation(clusters)[:people]
    of = np.full(clusters, NONE)
    of[enrolled] = np.arange(people)
    missed = np.isin(np.arange(clusters), enrolled[::10])
    person = np.where(missed[owner], NONE, of[owner])
    nearest = np.where(of[owner] != NONE, of[owner], draw.integers(0, people, faces))
    evidence = np.where(of[owner] != NONE, 0.44, 0.3) + 0.1 * draw.random(faces)
    some = np.zeros((faces, 2), np.float32)
    run = RunFaces(
        Embeddings.as_stored(stored),
        some,
        draw.uniform(0.5, 1, faces).astype(np.float32),
        draw.integers(0, faces // 3, faces),
        owner.astype(np.int64),
        person,
        np.ones(faces, bool),
        nearest,
        evidence.astype(np.float32),
        draw.integers(0, people, faces),
        (evidence - 0.1).astype(np.float32),
    )
    return run, gallery_of_centres(centres[enrolled])


def gallery_of_centres(centres: np.ndarray) -> Gallery:
    """One reference of each person."""
    ids = tuple(f"p{n}" for n in range(len(centres)))
    vectors = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    weak, boxes = np.zeros((len(ids), 2), np.float32), np.zeros((len(ids), 4), np.float32)
    return Gallery(ids, ids, np.arange(len(ids)), vectors, weak, ids, ids, boxes)


def main() -> None:
    """Print how long each takes, in seconds, and the process's peak memory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=10_000)
    asked = parser.parse_args()
    pack = open_pack("embedded", Settings(), S3Settings()).record
    run, gallery = made(asked.faces, asked.clusters, asked.people)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start, of_cores = perf_counter(), process_time()
    suggestions = Suggestions(run, gallery, pack)
    sheet = suggestions.next()
    first, of_cores, taken = perf_counter() - start, process_time() - of_cores, []
    for _ in range(ANSWERS):
        start = perf_counter()
        if len(sheet) == 1:
            suggestions.named(sheet[0].rows, suggestions.add_person())
        else:
            question = sheet[0]
            suggestions.named(question.rows, question.person)
        sheet = suggestions.next()
        taken.append(perf_counter() - start)
    start = perf_counter()
    suggestions.undo(1)
    undone = perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    titles = [
        "first",
        "of it on the cores",
        "next, median",
        "next, worst",
        f"undo the first of {ANSWERS}",
        "made, MB",
    ]
    print("\n".join(heading(*titles, "peak, MB")))
    figures = [first, of_cores, float(np.median(taken)), max(taken), undone]
    print(row([*(f"{value:.2f} s" for value in figures), f"{before:.0f}", f"{after:.0f}"]))


if __name__ == "__main__":
    main()
