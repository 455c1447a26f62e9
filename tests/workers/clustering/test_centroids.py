from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.workers.clustering.test_cluster import people
from workers.clustering.centroids import (
    MEASURED,
    SAMPLED,
    Centroids,
    sample_keys,
    sample_size,
)

EMBEDDINGS = people(1500, 4, noise=0.4, dims=32)


def test_k_means_sees_some_embeddings_of_each_cell_and_never_more_than_there_are() -> None:
    assert sample_size(64_000) == (SAMPLED * 1000, SAMPLED * 1000 + MEASURED)
    assert sample_size(10) == (10, 10)


def test_a_sample_does_not_depend_on_the_order_of_the_faces() -> None:
    order = np.random.default_rng(1).permutation(len(EMBEDDINGS))
    assert sample_keys(EMBEDDINGS[order]).tolist() == sample_keys(EMBEDDINGS)[order].tolist()
    assert len(set(sample_keys(EMBEDDINGS).tolist())) == len(EMBEDDINGS)


def test_regions_share_out_the_fine_centroids_and_stored_arrays_give_them_back() -> None:
    seen, drawn = sample_size(len(EMBEDDINGS))
    with ThreadPoolExecutor(2) as pool:
        centroids = Centroids.train(EMBEDDINGS[:drawn], seen, pool)
    regions = [centroids.fine_of(region) for region in range(len(centroids.coarse))]
    np.testing.assert_array_equal(np.concatenate(regions), centroids.fine)
    assert (centroids.radius > 0).all()
    again = Centroids.from_arrays(centroids.arrays())
    for name in ("mean", "coarse", "fine", "starts", "radius"):
        np.testing.assert_array_equal(getattr(again, name), getattr(centroids, name))
    assert set(centroids.arrays()) == {"mean", "tops", "cells", "starts", "reach"}, "as stored"
