from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.workers.clustering.test_cluster import people
from workers.clustering.knn import (
    UNASSIGNED,
    Cells,
    Centroids,
    Edges,
    Places,
    every_pair,
    find_in_cells,
    knn_graph,
    merge,
    place,
    sample_size,
)

DESCRIPTORS = people(1500, 4, noise=0.4, dims=32)
COUNT = len(DESCRIPTORS)


def pairs_of(edges: Edges) -> set[tuple[int, int]]:
    return set(zip(edges.first.tolist(), edges.second.tolist(), strict=True))


def pivots(pool: ThreadPoolExecutor) -> Centroids:
    seen, drawn = sample_size(COUNT)
    return Centroids.of(DESCRIPTORS[:drawn], seen, pool)


def test_groups_of_cells_that_are_joined_apart_give_the_graph_that_is_joined_at_once() -> None:
    with ThreadPoolExecutor(2) as pool:
        cut = pivots(pool)
        parts = [np.arange(0, 1000), np.arange(1000, COUNT)]
        placed = [place(DESCRIPTORS[part], cut) for part in parts]
        whole = find_in_cells(
            DESCRIPTORS, Cells.of(placed, len(cut)), pool, neighbours=8, threshold=0.7
        )
        found = []
        for first, last in ((0, 11), (11, len(cut))):
            within = [each.within(first, last) for each in placed]
            number = np.concatenate(
                [part[looking] for part, (looking, _) in zip(parts, within, strict=True)]
            ).astype(np.int32)
            cells = Cells.of([there for _, there in within], last - first)
            found += find_in_cells(
                DESCRIPTORS[number],
                cells,
                pool,
                neighbours=8,
                threshold=0.7,
                number=number,
                count=COUNT,
            )
        at_once, apart = (merge(f, neighbours=8, pool=pool) for f in (whole, found))
    assert pairs_of(at_once) == pairs_of(apart)
    exact = pairs_of(knn_graph(DESCRIPTORS, neighbours=8, threshold=0.7))
    assert len(exact & pairs_of(apart)) > 0.95 * len(exact)


def test_a_point_is_placed_alike_whatever_is_placed_beside_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        cut = pivots(pool)
    alone, all_of_them = place(DESCRIPTORS[70:75], cut), place(DESCRIPTORS, cut)
    assert alone.home.tolist() == all_of_them.home[70:75].tolist()
    of_71 = all_of_them.cell[all_of_them.point == 71]
    assert alone.cell[alone.point == 1].tolist() == of_71.tolist()
    assert all_of_them.home[71] in of_71, "a point looks into its own cell, too"


def test_only_those_who_look_into_some_cells_are_handed_on_to_them() -> None:
    places = Places(
        home=np.array([0, 3, 2], np.int32),
        cell=np.array([0, 0, 2, 2, 3, 3], np.int32),
        point=np.array([0, 1, 1, 2, 0, 1], np.int32),
    )
    looking, there = places.within(2, 3)
    assert looking.tolist() == [1, 2]
    assert there.home.tolist() == [UNASSIGNED, 0]
    assert there.cell.tolist() == [0, 0]
    assert there.point.tolist() == [0, 1]
    nobody, empty = places.within(1, 2)
    assert len(nobody) == len(empty.home) == len(empty.cell) == 0


def test_a_picture_that_is_there_many_times_finds_the_lowest_alone_in_whatever_order_it_lies() -> (
    None
):
    alike = np.repeat(DESCRIPTORS[:1], 500, axis=0)
    numbers = np.random.default_rng(0).permutation(500).astype(np.int32)
    graphs = []
    with ThreadPoolExecutor(2) as pool:
        for number in (None, numbers):
            found = find_in_cells(
                alike, every_pair(500), pool, neighbours=8, threshold=0.7, number=number
            )
            assert sum(len(shelf) for group in found for shelf in group) <= 9 * 500
            graphs.append(pairs_of(merge(found, neighbours=8, pool=pool)))
    lowest = {(low, high) for low in range(8) for high in range(low + 1, 500)}
    assert graphs == [lowest, lowest]
