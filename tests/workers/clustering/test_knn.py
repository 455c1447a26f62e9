from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.workers.clustering.test_cluster import people
from workers.clustering.assignment import assign
from workers.clustering.cells import Cells, exhaustive_cells
from workers.clustering.centroids import Centroids, sample_size
from workers.clustering.knn import (
    BUCKET_BITS,
    EXACT_LIMIT,
    Edges,
    bucket_by_query,
    knn_graph,
    merge_buckets,
    search_cells,
    search_group,
)
from workers.faces.evidence import evidence, no_weaknesses, widened


def vectors(rows: np.ndarray, weak: np.ndarray | None = None) -> np.ndarray:
    return widened(rows, no_weaknesses(len(rows)) if weak is None else weak)


EMBEDDINGS = people(1500, 4, noise=0.4, dims=32)
WEAK = np.random.default_rng(9).uniform(0, 0.5, (len(EMBEDDINGS), 2)).astype(np.float32)
VECTORS = vectors(EMBEDDINGS, WEAK)
COUNT = len(EMBEDDINGS)


def pairs_of(edges: Edges) -> set[tuple[int, int]]:
    return set(zip(edges.first.tolist(), edges.second.tolist(), strict=True))


def test_groups_of_cells_searched_apart_give_the_graph_that_is_made_at_once() -> None:
    with ThreadPoolExecutor(2) as pool:
        seen, drawn = sample_size(COUNT)
        centroids = Centroids.train(EMBEDDINGS[:drawn], seen, pool)
        parts = [np.arange(0, 1000), np.arange(1000, COUNT)]
        assigned = [assign(EMBEDDINGS[part], centroids) for part in parts]
        cells = Cells.build(assigned, len(centroids))
        whole = search_cells(VECTORS, cells, pool, neighbours=8, threshold=0.7)
        found = []
        for first, last in ((0, 11), (11, len(centroids))):
            within = [each.within(first, last) for each in assigned]
            ids = np.concatenate(
                [part[chosen] for part, (chosen, _) in zip(parts, within, strict=True)]
            ).astype(np.int32)
            cells = Cells.build([there for _, there in within], last - first)
            found += search_cells(
                VECTORS[ids], cells, pool, neighbours=8, threshold=0.7, ids=ids, count=COUNT
            )
        at_once, apart = (merge_buckets(f, neighbours=8, pool=pool) for f in (whole, found))
    assert pairs_of(at_once) == pairs_of(apart)
    exact = pairs_of(knn_graph(VECTORS, neighbours=8, threshold=0.7))
    assert len(exact & pairs_of(apart)) > 0.95 * len(exact)


def test_copies_of_one_photo_keep_the_lowest_neighbours_whatever_their_order() -> None:
    alike = np.repeat(EMBEDDINGS[:1], 500, axis=0)
    shuffled = np.random.default_rng(0).permutation(500).astype(np.int32)
    graphs = []
    with ThreadPoolExecutor(2) as pool:
        for ids in (None, shuffled):
            cells = exhaustive_cells(500)
            found = search_cells(vectors(alike), cells, pool, neighbours=8, threshold=0.7, ids=ids)
            assert sum(len(bucket) for group in found for bucket in group) <= 9 * 500
            graphs.append(pairs_of(merge_buckets(found, neighbours=8, pool=pool)))
    lowest = {(low, high) for low in range(8) for high in range(low + 1, 500)}
    assert graphs == [lowest, lowest]


def test_above_the_exact_limit_nearly_every_pair_is_found() -> None:
    embeddings = people(EXACT_LIMIT // 4 + 500, 4, noise=0.4, dims=32)
    edges = knn_graph(vectors(embeddings), neighbours=8, threshold=0.8)
    within = (edges.first // 4) == (edges.second // 4)
    expected = len(embeddings) // 4 * 6
    assert within.sum() > 0.95 * expected


def test_each_pair_is_given_once() -> None:
    edges = knn_graph(vectors(people(3, 6, noise=0.3)), neighbours=5, threshold=0.0)
    pairs = list(zip(edges.first.tolist(), edges.second.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert all(first < second for first, second in pairs)


def test_a_hit_is_at_the_threshold_or_above_and_is_never_the_query_itself() -> None:
    rows, weak = people(5, 4, noise=0.6), WEAK[:20]
    query, neighbour, found = search_group(
        vectors(rows, weak), exhaustive_cells(20), range(1), neighbours=20, threshold=0.3
    )
    worth = evidence(rows @ rows.T, weak, weak)
    expected = (worth >= 0.3) & ~np.eye(20, dtype=bool)
    assert expected.sum() < (rows @ rows.T >= 0.3).sum() - 20, "weaknesses count"
    assert sorted(zip(query.tolist(), neighbour.tolist(), strict=True)) == sorted(
        (int(one), int(other)) for one, other in np.argwhere(expected)
    )
    assert found.min() >= np.float32(0.3)


def test_a_sorted_bucket_goes_by_query_and_then_from_the_nearest_on() -> None:
    second = 1 << BUCKET_BITS
    query = np.array([1, 0, second, 1, 1], np.int32)
    neighbour = np.array([7, 9, 3, 5, 6], np.int32)
    cosine = np.array([0.5, 0.1, 0.9, 0.8, 0.5], np.float32)
    first, last = bucket_by_query((query, neighbour, cosine), second + 1)
    assert (np.sort(first) & np.uint64(0xFFFFFFFF)).tolist() == [9, 5, 6, 7]
    assert (last & np.uint64(0xFFFFFFFF)).tolist() == [3]


def test_pairs_among_kept_vectors_are_those_that_they_have_alone() -> None:
    wide = VECTORS[:60]
    kept = np.arange(60) % 3 != 1
    among = knn_graph(wide, neighbours=60, threshold=0.5).among(kept)
    alone = knn_graph(wide[kept], neighbours=60, threshold=0.5)
    assert len(alone) > 20
    assert among.keys.tolist() == alone.keys.tolist()
