from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.workers.clustering.test_cluster import people
from workers.clustering.assignment import assign, assign_all, make_cells
from workers.clustering.centroids import Centroids, sample_size

EMBEDDINGS = people(1500, 4, noise=0.4, dims=32)


def centroids() -> Centroids:
    seen, drawn = sample_size(len(EMBEDDINGS))
    with ThreadPoolExecutor(1) as pool:
        return Centroids.train(EMBEDDINGS[:drawn], seen, pool)


def test_a_point_is_assigned_alike_whatever_is_assigned_beside_it() -> None:
    cut = centroids()
    alone, all_of_them = assign(EMBEDDINGS[70:75], cut), assign(EMBEDDINGS, cut)
    assert alone.assignment.tolist() == all_of_them.assignment[70:75].tolist()
    of_71 = all_of_them.cell[all_of_them.query == 71]
    assert alone.cell[alone.query == 1].tolist() == of_71.tolist()


def test_a_point_is_in_the_cell_of_its_nearest_centroid_and_probes_it_too() -> None:
    cut = centroids()
    assigned = assign(EMBEDDINGS, cut)
    scores = (EMBEDDINGS - cut.mean) @ cut.fine.T
    assert (assigned.assignment == scores.argmax(axis=1)).mean() > 0.95, "regions miss a few"
    probed = set(zip(assigned.cell.tolist(), assigned.query.tolist(), strict=True))
    assert all((cell, point) in probed for point, cell in enumerate(assigned.assignment.tolist()))


def test_a_probed_cell_is_within_the_radius_of_the_best() -> None:
    cut = centroids()
    assigned = assign(EMBEDDINGS[:200], cut)
    scores = (EMBEDDINGS[:200] - cut.mean) @ cut.fine.T
    best = scores[np.arange(200), assigned.assignment]
    probed = scores[assigned.query, assigned.cell]
    assert (probed >= best[assigned.query] - cut.radius[1] - 1e-5).all()


def test_cells_hold_each_point_once() -> None:
    with ThreadPoolExecutor(2) as pool:
        cells = make_cells(EMBEDDINGS, pool)
        parts = assign_all(EMBEDDINGS, centroids(), pool)
    assert sorted(cells.members.tolist()) == list(range(len(EMBEDDINGS)))
    assert sum(len(part.assignment) for part in parts) == len(EMBEDDINGS)
