"""Measures clusters of labelled faces beside peers, each at its best setting.

    python -m benchmarks.accuracy.clusters FOLDER [--choose] [--distractors 200000] [--peers]

FOLDER holds one folder per person with photos whose central face is that person. Printed are
B-cubed F, pairwise F and their precisions and recalls: of all people, of both halves of them, and
of how many faces move to another cluster when 1, 10 or 1,000 photos are added. With --choose a grid
of thresholds is tried on each half, and what is best on it, by the sum of both F, is printed with
what it does on the other half: how the defaults of a pack are chosen. Ours go by the evidence, as a
run does. Distractors are people of one face each, without weakness, drawn from the normal
distribution of the folder's people. Peers (the extra `bench`) see the same pairs, up to 20,000
faces all, above that those of our graph; the best of the settings listed in ``peers`` is printed,
for each of both measures on its own. With distractors they see these, too; then HDBSCAN, which
needs every distance, takes no part, nor does Infomap, which takes minutes for each setting, nor do
thresholds below 0.5.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.labelled import labelled, weak_of
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.clustering.cluster import cluster, join_rule
from workers.clustering.knn import EXACT_LIMIT, knn_graph
from workers.faces.evidence import no_weaknesses, widened
from workers.models.packs.open import open_pack

Labels = NDArray[np.int64]
SEEDS = range(3)
PAIRS, GROUPS = (0.45, 0.46, 0.47, 0.48, 0.49, 0.5), (0.36, 0.37, 0.38, 0.39, 0.4, 0.41)
"""The grid of thresholds: of two faces, and of two large groups."""
LEAST = (0.44, 0.46, 0.48, 0.5, 0.51, 0.52, 0.53, 0.54, 0.56, 0.58, 0.6, 0.62)
"""Cosines from which on two faces are neighbours for a peer."""


def scores(true: Labels, found: Labels) -> tuple[float, ...]:
    """B-cubed F, pairwise F, B-cubed precision and recall, pairwise precision and recall."""
    cells, counts = np.unique(np.stack([true, found]), axis=1, return_counts=True)
    of_true, of_found = np.bincount(true), np.bincount(found)
    cubed_p = (counts**2 / of_found[cells[1]]).sum() / len(true)
    cubed_r = (counts**2 / of_true[cells[0]]).sum() / len(true)
    both, joined, genuine = (float((n * (n - 1.0) / 2).sum()) for n in (counts, of_found, of_true))
    pair_p, pair_r = both / max(joined, 1.0), both / genuine
    return harmonic(cubed_p, cubed_r), harmonic(pair_p, pair_r), cubed_p, cubed_r, pair_p, pair_r


def harmonic(one: float, other: float) -> float:
    return 2 * one * other / max(one + other, 1e-12)


def moved(before: Labels, after: Labels) -> float:
    """The share of faces outside the best one-to-one match of clusters, greedily by overlap."""
    cells, counts = np.unique(np.stack([before, after]), axis=1, return_counts=True)
    kept, taken = 0, (set[int](), set[int]())
    for at in np.argsort(-counts, kind="stable"):
        one, other = cells[:, at].tolist()
        if one not in taken[0] and other not in taken[1]:
            taken[0].add(one)
            taken[1].add(other)
            kept += int(counts[at])
    return 1 - kept / len(before)


def distractors(vectors: NDArray[np.float32], people: Labels, count: int) -> NDArray[np.float32]:
    one_each = vectors[np.unique(people, return_index=True)[1]]
    root = np.linalg.cholesky(np.cov(one_each.T) + 1e-8 * np.eye(vectors.shape[1]))
    drawn = np.random.default_rng(7).standard_normal((count, len(root)), np.float32)
    rows = one_each.mean(axis=0) + drawn @ root.T.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pairs_of(vectors: NDArray[np.float32]) -> tuple[Labels, Labels, NDArray[np.float32]]:
    """Pairs of faces and their cosines of LEAST[0] or more: all, or those of many faces' graph."""
    if len(vectors) > EXACT_LIMIT:
        edges = knn_graph(
            widened(vectors, no_weaknesses(len(vectors))), neighbours=64, threshold=LEAST[0]
        )
        one, other = edges.first, edges.second
        return one, other, np.einsum("ij,ij->i", vectors[one], vectors[other])
    cosines = vectors @ vectors.T
    one, other = np.nonzero(np.triu(cosines >= LEAST[0], 1))
    return one, other, cosines[one, other]


def peers(vectors: NDArray[np.float32]) -> Iterator[tuple[str, str, Labels]]:
    """Name, setting and labels."""
    import igraph
    import leidenalg
    from scipy.sparse import csr_matrix
    from sklearn.cluster import DBSCAN

    every = np.arange(len(vectors))
    count, (every_one, every_other, every_cosine) = len(vectors), pairs_of(vectors)
    for least in LEAST if count <= EXACT_LIMIT else LEAST[3:]:
        kept = every_cosine >= least
        one, other, cosine = every_one[kept], every_other[kept], every_cosine[kept]
        graph = igraph.Graph(count, np.stack([one, other], axis=1).tolist())
        weights = cosine.tolist()
        ends = np.concatenate([one, other, every]), np.concatenate([other, one, every])
        distance = np.clip(1 - cosine, 1e-9, None)  # a face is near itself, too
        apart = csr_matrix((np.concatenate([distance, distance, 1e-9 + 0 * every]), ends))
        yield "connected components", f"{least}", np.array(graph.connected_components().membership)
        for enough in (2, 3):
            near = DBSCAN(eps=1 - least, min_samples=enough, metric="precomputed").fit(apart)
            yield "DBSCAN", f"{least}, {enough}", alone(near.labels_)
        labels = graph.community_label_propagation(weights=weights).membership
        yield "Chinese Whispers (label propagation)", f"{least}", np.array(labels)
        for resolution in (0.1, 0.2, 0.3, 0.4):
            found = leidenalg.find_partition(
                graph,
                leidenalg.CPMVertexPartition,
                weights=weights,
                resolution_parameter=resolution,
                seed=1,
            )
            yield "Leiden", f"{least}, {resolution}", np.array(found.membership)
        if count <= EXACT_LIMIT:
            yield "Infomap", f"{least}", infomap_of(count, one, other, weights)
    if count <= EXACT_LIMIT:
        yield from hdbscan_of(vectors)


def infomap_of(count: int, one: Labels, other: Labels, weights: list[float]) -> Labels:
    """Infomap's modules; of 200,000 faces it takes minutes."""
    import infomap

    flow = infomap.Infomap("--two-level --silent --seed 1")
    flow.add_nodes(range(count))
    flow.add_links(list(zip(one.tolist(), other.tolist(), weights, strict=True)))
    flow.run()
    modules = flow.get_modules()
    return np.array([modules[n] for n in range(count)])


def hdbscan_of(vectors: NDArray[np.float32]) -> Iterator[tuple[str, str, Labels]]:
    """HDBSCAN, which needs the distance of every pair."""
    import hdbscan

    distance = np.clip(1 - vectors @ vectors.T, 0, 2).astype(np.float64)
    for epsilon in (0.44, 0.48, 0.52):
        found = hdbscan.HDBSCAN(
            min_cluster_size=2, metric="precomputed", cluster_selection_epsilon=1 - epsilon
        )
        yield "HDBSCAN", f"{epsilon}", alone(found.fit_predict(distance))


def alone(labels: NDArray[np.int64]) -> Labels:
    """Noise as clusters of one face."""
    labels = labels.astype(np.int64)
    noise = labels < 0
    labels[noise] = labels.max() + 1 + np.arange(noise.sum())
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--cache", type=Path, help="faces are kept here between runs")
    parser.add_argument("--choose", action="store_true", help="thresholds, half by half")
    parser.add_argument("--distractors", type=int, default=0)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    faces = labelled(arguments.folder, arguments.model, arguments.cache)
    names, vectors = faces.people, faces.embeddings
    people = np.unique(names, return_inverse=True)[1]
    pack = open_pack(arguments.model, Settings(), S3Settings()).record
    weak = weak_of(faces, pack)

    def ours(
        which: Labels,
        purity: float = 0.5,
        pair: float = pack.cluster_threshold,
        group: float = pack.cluster_group_threshold,
    ) -> Labels:
        rule = join_rule(
            pair, group, faces=len(which), purity=purity, cosine_per_decade=pack.cosine_per_decade
        )
        photos = [str(n) for n in range(len(which))]
        found = cluster(vectors[which], photos, rule=rule, weaknesses=weak[which])
        return found.astype(np.int64)

    every = np.arange(len(people))

    say(f"{len(people)} faces of {people.max() + 1} people", people, everybody := ours(every))
    half = np.array([hashlib.sha256(str(n).encode()).digest()[0] % 2 == 0 for n in names])
    halves = {
        name: (np.unique(people[part], return_inverse=True)[1], np.flatnonzero(part))
        for name, part in (("one half", half), ("the other half", ~half))
    }
    for name, (those, rows) in halves.items():
        say(name, those, ours(rows))
    if arguments.choose:
        choose(halves, ours)
    for purity in (0.0, 0.25, 0.75, 1.0):
        say(f"purity {purity}", people, ours(every, purity))
    for added in (1, 10, 1000):
        share = []
        for seed in SEEDS:
            old = np.sort(np.random.default_rng(seed).permutation(len(people))[added:])
            share.append(moved(ours(old), everybody[old]))
        print(f"{added} photos more: at most {max(share):.4f} of the old faces move")
    shuffled = np.random.default_rng(0).permutation(len(people))
    print(f"another order: {moved(everybody[shuffled], ours(shuffled)):.4f} move")
    if arguments.distractors:
        more = distractors(vectors, people, arguments.distractors)
        strangers = people.max() + 1 + np.arange(len(more))
        people, vectors = np.concatenate([people, strangers]), np.concatenate([vectors, more])
        weak = np.concatenate([weak, no_weaknesses(len(more))])
        labels = ours(np.arange(len(people)))
        say(f"{len(more):,} distractors", people, labels)
    if arguments.peers:
        beside(people, vectors)


def choose(halves: dict[str, tuple[Labels, Labels]], ours: Callable[..., Labels]) -> None:
    """Print what is best on each half, and what that does on the other."""
    for (name, (people, rows)), (_, (others, other_rows)) in permutations(halves.items()):
        found = {
            (pair, group): sum(scores(people, ours(rows, 0.5, pair, group))[:2])
            for pair in PAIRS
            for group in GROUPS
        }
        pair, group = max(found, key=lambda setting: found[setting])
        say(
            f"pair {pair}, group {group} is best on {name}; on the rest",
            others,
            ours(other_rows, 0.5, pair, group),
        )


def beside(people: Labels, vectors: NDArray[np.float32]) -> None:
    best: dict[tuple[str, int], tuple[float, str, Labels]] = {}
    for name, setting, labels in peers(vectors):
        found = scores(people, labels)
        for measure in (0, 1):
            if found[measure] > best.get((name, measure), (0.0,))[0]:
                best[name, measure] = (found[measure], setting, labels)
    for (name, measure), (_, setting, labels) in sorted(best.items()):
        say(f"{name} at {setting} (best {('B-cubed', 'pairwise')[measure]})", people, labels)


def say(what: str, people: Labels, labels: Labels) -> None:
    cubed, pair, *rest = scores(people, labels)
    shares = " ".join(f"{value:.4f}" for value in rest)
    print(f"{what}: B-cubed F {cubed:.4f}, pairwise F {pair:.4f} (P R P R {shares})", flush=True)


if __name__ == "__main__":
    main()
