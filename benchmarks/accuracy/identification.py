"""Measures searches in a gallery: ways to fuse references on labelled faces, and matching's speed.

    python -m benchmarks.accuracy.identification FOLDER [--model PACK] [--cache FILE]
        [--before FILE.npz]
    python -m benchmarks.accuracy.identification --speed

FOLDER holds one folder per person with photos whose central face is that person. Half of the people
with more than R photos are enrolled with R of them; probes are all other faces. Printed is the
share of enrolled probes that are found and rightly named (TPIR) at the threshold at which 1 in 100
strangers is taken for somebody, for each way to fuse references by the cosine; then, at each false
positive rate (FPIR), for the best of references and mean by the cosine and by the evidence, as a
run has it; all are means of five draws. With --before, an earlier build's embeddings of these faces
(arrays `names` and `vectors`, in the order of files), each column has that build's by the cosine in
front: the draws are the same. At last come the shares at a run's own threshold and margin, and the
genuine pairs of sharp faces that reach the thresholds. The speed is beside a bare matrix product of
the same blocks: 20,000 faces and 10,000 references, medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import Faces
from benchmarks.accuracy.labelled import gallery_of, labelled, weak_of
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.evidence import evidence, no_weaknesses
from workers.matching.calibration import search_threshold
from workers.matching.match import accepted, match
from workers.models.packs.open import open_pack
from workers.people.gallery import Gallery

FPIRS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4)
"""False positive rates: of 3,400 strangers and more the last lets one pass."""
STRANGERS, DRAWS = 1e-2, 5
FALSE_POSITIVES = 1e-3
"""The rate that a run's own threshold is made for."""
SHARP = 0.8
"""Least quality of a sharp face."""
Floats = NDArray[np.float32]
OURS = "best of references and template (ours)"


@dataclass(frozen=True, slots=True)
class Draw:
    """Rows of the references, people x references, of the ``enrolled``, and of the probes."""

    rows: NDArray[np.int64]
    enrolled: NDArray[np.int64]
    probes: NDArray[np.int64]

    @classmethod
    def of(cls, people: NDArray[np.int64], references: int, seed: int) -> Draw:
        random = np.random.default_rng(seed)
        several = np.flatnonzero(np.bincount(people) > references)
        enrolled = np.sort(random.permutation(several)[: len(several) // 2])
        rows = np.stack(
            [random.permutation(np.flatnonzero(people == p))[:references] for p in enrolled]
        )
        return cls(rows, enrolled, np.setdiff1d(np.arange(len(people)), rows.ravel()))


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest of the enrolled to each probe, the score for it, and who the probe is."""

    nearest: NDArray[np.int64]
    scores: Floats
    true: NDArray[np.int64]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, drawn: Draw, people: NDArray[np.int64], nearest: object, scores: Floats) -> Found:
        true = people[drawn.probes]
        place = drawn.enrolled[np.asarray(nearest)]
        return cls(place, scores, true, np.isin(true, drawn.enrolled))

    def share(self, strangers: float) -> float:
        """The TPIR at the threshold that this share of strangers passes."""
        impostors = np.sort(self.scores[~self.known])
        threshold = impostors[-int(strangers * len(impostors)) - 1]
        return float(((self.scores > threshold) & (self.nearest == self.true))[self.known].mean())

    def named(self, which: NDArray[np.bool_]) -> tuple[float, float]:
        """The TPIR and the FPIR, if these probes are named."""
        right = (which & (self.nearest == self.true))[self.known].mean()
        return float(right), float(which[~self.known].mean())


def ways(vectors: Floats, people: NDArray[np.int64], drawn: Draw) -> dict[str, Found]:
    """Ways to fuse references by their cosines."""
    count, references = drawn.rows.shape
    faces = vectors[drawn.probes]
    each = (faces @ vectors[drawn.rows.ravel()].T).reshape(len(faces), count, references)
    means = vectors[drawn.rows].sum(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    best, template = each.max(axis=2), faces @ means.T
    cosines = {
        "best reference": best,
        "mean of cosines": each.mean(axis=2),
        "mean template": template,
        OURS: np.maximum(best, template),
    }
    return {
        name: Found.of(drawn, people, some.argmax(axis=1), some.max(axis=1))
        for name, some in cosines.items()
    }


def as_a_run(
    vectors: Floats, weak: Floats, people: NDArray[np.int64], drawn: Draw, pack: PackRecord
) -> tuple[Found, tuple[float, float]]:
    """What matching finds, and the TPIR and FPIR at a run's own threshold and margin."""
    rows = drawn.rows.ravel()
    names = np.array([str(one) for one in drawn.enrolled])
    gallery = gallery_of(vectors[rows], weak[rows], names)
    matches = match(vectors[drawn.probes], gallery, weak[drawn.probes])
    threshold = search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=len(rows),
        false_positives=FALSE_POSITIVES,
    )
    usable, alone = np.ones(len(drawn.probes), bool), np.arange(len(drawn.probes))
    good = accepted(matches, usable, alone, threshold=threshold, margin=pack.margin)
    found = Found.of(drawn, people, matches.person, matches.evidence)
    return found, found.named(good)


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    faces = labelled(arguments.folder, arguments.model, arguments.cache)
    pack = open_pack(arguments.model, Settings(), S3Settings()).record
    print(f"{len(faces):,} faces of {len(set(faces.people)):,} people")
    show(faces, pack, before(arguments.before, faces) if arguments.before else None)


def genuine(faces: Faces, weak: Floats, then: Floats, least: float) -> tuple[int, int, int]:
    """Number of genuine pairs of sharp faces, and those that reach a threshold.

    By the cosine of the embeddings ``then``, and by the evidence now.
    """
    sharp = np.flatnonzero(faces.parts["quality"] >= SHARP)
    people = faces.people[sharp]
    same = np.triu(people[:, None] == people[None], 1)
    cosines = then[sharp] @ then[sharp].T
    vectors = faces.embeddings[sharp]
    now = evidence(vectors @ vectors.T, weak[sharp], weak[sharp])
    return int(same.sum()), int((cosines[same] >= least).sum()), int((now[same] >= least).sum())


def before(file: Path, faces: Faces) -> Floats:
    """An earlier build's embeddings of the same faces; leave the program if they are of others."""
    with np.load(file) as held:
        if held["names"].tolist() != faces.people.tolist():
            sys.exit(f"{file} has other faces")
        return np.asarray(held["vectors"], np.float32)


def show(faces: Faces, pack: PackRecord, earlier: Floats | None) -> None:
    """Print the ways at one rate, both scores at each, and a run's own decisions."""
    people = np.unique(faces.people, return_inverse=True)[1]
    weak, none = weak_of(faces, pack), no_weaknesses(len(faces))
    then = faces.embeddings if earlier is None else earlier
    rows, own = [], []
    for references in (1, 2, 3, 5):
        draws = [Draw.of(people, references, seed) for seed in range(DRAWS)]
        fused = [ways(faces.embeddings, people, drawn) for drawn in draws]
        told = (f"{n} {np.mean([f[n].share(STRANGERS) for f in fused]):.4f}" for n in fused[0])
        print(f"{references} references: {', '.join(told)}")
        now = [as_a_run(faces.embeddings, weak, people, drawn, pack) for drawn in draws]
        plain = [as_a_run(then, none, people, drawn, pack) for drawn in draws]
        sides = [[f[OURS] for f in fused], [found for found, _ in now]]
        if earlier is not None:
            sides.insert(0, [ways(earlier, people, drawn)[OURS] for drawn in draws])
        cells = (
            " → ".join(f"{np.mean([one.share(rate) for one in side]):.4f}" for side in sides)
            for rate in FPIRS
        )
        rows.append(f"| {references} | {' | '.join(cells)} |")
        figures = [np.mean([shares for _, shares in side], axis=0) for side in (plain, now)]
        named = (f"{right:.4f}, {wrong:.5f}" for right, wrong in figures)
        own.append(f"| {references} | {' | '.join(named)} |")
    print(f"\n| references | {' | '.join(f'FPIR {rate:g}' for rate in FPIRS)} |")
    print("|---" * (1 + len(FPIRS)) + "|")
    print("\n".join(rows))
    print("\n| references | by the cosine: TPIR, FPIR | by the evidence: TPIR, FPIR |")
    print("|---|---|---|")
    print("\n".join(own))
    print()
    for least in (pack.threshold, pack.cluster_threshold):
        pairs, before_it, now_it = genuine(faces, weak, then, least)
        print(
            f"of {pairs:,} genuine pairs of sharp faces {before_it:,} reach {least:g} by the "
            f"cosine, {now_it:,} by the evidence"
        )


if __name__ == "__main__":
    main()
