"""Measures the neighbour graph and the clustering of made-up embeddings, beside faiss.

    python -m benchmarks.scale.neighbours 100000 200000 1000000 --peers 200000

prints time, peak memory, and the growth from the first count to the last; --cluster clusters, too;
--ivf times faiss IVF, too. Embeddings have --width values; people have 1 to 500 faces by a power
law, each alike its person as the embedded pack's faces are (mean cosine of a genuine pair 0.66).
faiss Flat searches 10,000 of the faces among all, in turns with ours, and its time is scaled to all
of them, which it is proportional to; medians are compared. Recall is of the edges that it finds:
of all, and of those within people of so many faces.
"""

from __future__ import annotations

import argparse
import resource
import time

import faiss
import numpy as np
from numpy.typing import NDArray

from workers.clustering.cluster import cluster, join_rule
from workers.clustering.knn import Edges, knn_graph
from workers.clustering.pair_keys import keyed
from workers.faces.evidence import no_weaknesses, widened

WIDTH, NEIGHBOURS, GENUINE, QUERIES, TURNS = 128, 32, 0.66, 10_000, 3
PAIR, GROUP = 0.48, 0.38
"""The embedded pack's cluster thresholds."""


def people(count: int, width: int = WIDTH) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """``count`` embeddings, shuffled, and whose each is."""
    random = np.random.default_rng(0)
    sizes = np.minimum(random.zipf(1.9, size=count), 500)
    whose = np.repeat(np.arange(count), sizes)[:count]
    spread = np.arange(1, width + 1, dtype=np.float32) ** np.float32(-0.3)
    centres = random.standard_normal((whose.max() + 1, width), np.float32) * spread
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = np.float32(((1 - GENUINE) / GENUINE / width) ** 0.5)
    whose = random.permutation(whose)
    rows = random.standard_normal((count, width), np.float32)
    rows *= noise
    for start in range(0, count, 1 << 16):
        rows[start : start + (1 << 16)] += centres[whose[start : start + (1 << 16)]]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows, whose


def peak() -> int:
    """The most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def ours(rows: NDArray[np.float32], threshold: float) -> tuple[Edges, float]:
    began = time.perf_counter()
    edges = knn_graph(
        widened(rows, no_weaknesses(len(rows))), neighbours=NEIGHBOURS, threshold=threshold
    )
    return edges, time.perf_counter() - began


def searched(
    index: faiss.Index, rows: NDArray[np.float32], chosen: NDArray[np.int64], threshold: float
) -> tuple[set[tuple[int, int]], float]:
    """The edges of some of the faces by a faiss index, and its seconds scaled to all faces."""
    began = time.perf_counter()
    near, ids = index.search(rows[chosen], NEIGHBOURS + 1)
    seconds = (time.perf_counter() - began) * len(rows) / len(chosen)
    one = np.repeat(chosen, NEIGHBOURS + 1).reshape(ids.shape)
    keep = (near >= threshold) & (ids >= 0) & (ids != one)
    return set(zip(one[keep].tolist(), ids[keep].tolist(), strict=True)), seconds


def beside_faiss(
    rows: NDArray[np.float32], whose: NDArray[np.int64], threshold: float, *, ivf: bool
) -> None:
    chosen = np.random.default_rng(1).choice(len(rows), QUERIES, replace=False)
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(rows)
    exact, spent, flat_spent = set[tuple[int, int]](), [], []
    for part in np.array_split(chosen, TURNS):
        found, seconds = searched(flat, rows, part, threshold)
        exact |= found
        flat_spent.append(seconds)
        edges, seconds = ours(rows, threshold)
        spent.append(seconds)
    one, other = np.array(sorted(exact)).T
    hit = np.isin(keyed(one, other), edges.keys)
    print(
        f"  beside faiss Flat, scaled from {QUERIES:,} faces: {np.median(flat_spent):.1f} s, ours "
        f"{np.median(spent):.2f} s: {np.median(flat_spent) / np.median(spent):.1f} times as fast"
    )
    print(f"  recall {hit.mean():.4f} of {len(hit):,} edges", end="")
    same, faces = whose[one] == whose[other], np.bincount(whose)[whose[one]]
    for low, high in ((2, 4), (5, 16), (17, 64), (65, 500)):
        within = hit[same & (faces >= low) & (faces <= high)]
        print(f"; within people of {low} to {high} faces {within.mean():.4f}", end="")
    print(f"; between people {hit[~same].mean():.4f}", flush=True)
    if ivf:
        beside_ivf(rows, np.sort(chosen), exact, threshold)


def beside_ivf(
    rows: NDArray[np.float32],
    chosen: NDArray[np.int64],
    exact: set[tuple[int, int]],
    threshold: float,
) -> None:
    width, began = rows.shape[1], time.perf_counter()
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(width), width, int(4 * len(rows) ** 0.5), faiss.METRIC_INNER_PRODUCT
    )
    index.train(rows[:: max(1, len(rows) // (40 * index.nlist))])
    index.add(rows)
    built = time.perf_counter() - began
    for probes in (8, 16, 32, 64):
        index.nprobe = probes
        found, spent = searched(index, rows, chosen, threshold)
        share = len(exact & found) / len(exact)
        print(f"  faiss IVF, {probes} probes: {built + spent:.0f} s, recall {share:.4f} one-way")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--peers", type=int, default=0, help="the count at which faiss is run")
    parser.add_argument("--ivf", action="store_true", help="faiss IVF among the peers")
    parser.add_argument("--cluster", action="store_true", help="cluster them, too")
    parser.add_argument("--width", type=int, default=WIDTH)
    arguments = parser.parse_args()
    graphs, clusterings = [], []
    for count in arguments.counts:
        rows, whose = people(count, arguments.width)
        before, rule = peak(), join_rule(PAIR, GROUP, faces=count)
        edges, seconds = ours(rows, rule.group)
        graphs.append(seconds)
        print(f"{count:,} faces: graph {seconds:.1f} s, {len(edges):,} edges at {rule.group:.3f}")
        print(f"  peak memory {peak():,} MB ({before:,} MB before)", flush=True)
        del edges
        if count == arguments.peers:
            beside_faiss(rows, whose, rule.group, ivf=arguments.ivf)
        if arguments.cluster:
            began = time.perf_counter()
            labels = cluster(rows, [str(face) for face in range(count)], rule=rule)
            clusterings.append(time.perf_counter() - began)
            print(f"  graph and clusters {clusterings[-1]:.1f} s, peak {peak():,} MB")
            print(
                f"  {len(set(labels.tolist())):,} clusters of {len(set(whose.tolist())):,} people",
                flush=True,
            )
    for what, seconds_of in (("graph", graphs), ("graph and clusters", clusterings)):
        if len(seconds_of) > 1:
            growth, more = seconds_of[-1] / seconds_of[0], arguments.counts[-1]
            print(f"{what}: {growth:.1f} times the time for {more / arguments.counts[0]:.0f} times")


if __name__ == "__main__":
    main()
