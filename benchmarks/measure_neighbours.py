"""Measures the neighbour graph and the clustering of made-up descriptors, beside faiss.

    python benchmarks/measure_neighbours.py 100000 1000000          growth, memory
    python benchmarks/measure_neighbours.py 200000 --peers          faiss in the same run

Descriptors have 128 values; people have 1 to 500 faces by a power law, each alike its person as the
embedded pack's faces are (mean cosine of a genuine pair 0.66). faiss Flat searches 2,000 of the
faces and its time is scaled to all of them, which it is proportional to; recall is of the edges
that it finds. IVF is given the probes that reach the recall of ours, or its best.
"""

from __future__ import annotations

import argparse
import resource
import time

import faiss
import numpy as np
from numpy.typing import NDArray

from workers.cluster import cluster, join_rule
from workers.neighbours import Edges, near_pairs

WIDTH, NEIGHBOURS, GENUINE, QUERIES = 128, 32, 0.66, 2000
PAIR, GROUP = 0.47, 0.40
"""The embedded pack's cluster thresholds."""


def people(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """``count`` descriptors, shuffled, and whose each is."""
    random = np.random.default_rng(0)
    sizes = np.minimum(random.zipf(1.9, size=count), 500)
    whose = np.repeat(np.arange(count), sizes)[:count]
    spread = np.arange(1, WIDTH + 1, dtype=np.float32) ** np.float32(-0.3)
    centres = random.standard_normal((whose.max() + 1, WIDTH), np.float32) * spread
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = np.float32(((1 - GENUINE) / GENUINE / WIDTH) ** 0.5)
    whose = random.permutation(whose)
    rows = random.standard_normal((count, WIDTH), np.float32)
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
    edges = near_pairs(rows, neighbours=NEIGHBOURS, threshold=threshold)
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


def beside_faiss(rows: NDArray[np.float32], edges: Edges, seconds: float, threshold: float) -> None:
    chosen = np.sort(np.random.default_rng(1).choice(len(rows), QUERIES, replace=False))
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(rows)
    exact, flat_seconds = searched(flat, rows, chosen, threshold)
    keys = edges.first * len(rows) + edges.second
    low, high = np.array([sorted(edge) for edge in exact]).T
    recall = np.isin(low * len(rows) + high, keys).mean()
    print(
        f"  recall {recall:.4f} of {len(exact):,} edges; faiss Flat {flat_seconds:.0f} s: ours is"
    )
    print(f"  {flat_seconds / seconds:.1f} times as fast")
    began = time.perf_counter()
    ivf = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(WIDTH), WIDTH, int(4 * len(rows) ** 0.5), faiss.METRIC_INNER_PRODUCT
    )
    ivf.train(rows[:: max(1, len(rows) // (40 * ivf.nlist))])
    ivf.add(rows)
    built = time.perf_counter() - began
    for probes in (8, 16, 32, 64):
        ivf.nprobe = probes
        found, spent = searched(ivf, rows, chosen, threshold)
        both = found | {(other, one) for one, other in found}
        share = len(exact & both) / len(exact)
        print(f"  faiss IVF, {probes} probes: {built + spent:.0f} s, recall {share:.4f} one-way")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--cluster", action="store_true", help="cluster them, too")
    arguments = parser.parse_args()
    for count in arguments.counts:
        rows, whose = people(count)
        before, rule = peak(), join_rule(PAIR, GROUP, faces=count)
        edges, seconds = ours(rows, rule.group)
        print(f"{count:,} faces: graph {seconds:.1f} s, {len(edges):,} edges at {rule.group:.3f}")
        print(f"  peak memory {peak():,} MB ({before:,} MB before)", flush=True)
        if arguments.peers:
            beside_faiss(rows, edges, seconds, rule.group)
        if arguments.cluster:
            del edges
            began = time.perf_counter()
            labels = cluster(rows, [str(face) for face in range(count)], rule=rule)
            print(f"  graph and clusters {time.perf_counter() - began:.1f} s, peak {peak():,} MB")
            print(
                f"  {len(set(labels.tolist())):,} clusters of {len(set(whose.tolist())):,} people"
            )


if __name__ == "__main__":
    main()
