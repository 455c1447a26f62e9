import numpy as np
import pytest

from workers.clustering import products
from workers.clustering.products import NO_HITS, BlockProducts, concatenate_hits


def test_blocks_give_the_products_of_every_row_however_small_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    vectors, others = (random.standard_normal((n, 4), np.float32) for n in (30, 7))
    rows = np.array([3, 3, 29, 0, 11], np.int32)
    monkeypatch.setattr(products, "BLOCK", 14)
    seen, found = [], []
    for block, values in BlockProducts(vectors).blocks(rows, others):
        assert values.size <= 14
        seen += block.tolist()
        found.append(values.copy())
    assert seen == rows.tolist()
    np.testing.assert_allclose(np.concatenate(found), vectors[rows] @ others.T, rtol=1e-5)


def test_more_others_than_a_block_holds_are_one_row_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "BLOCK", 3)
    vectors = np.eye(5, dtype=np.float32)
    found = [
        v.copy() for _, v in BlockProducts(vectors).blocks(np.arange(5, dtype=np.int32), vectors)
    ]
    np.testing.assert_array_equal(np.concatenate(found), vectors)


def test_hits_are_joined_part_after_part() -> None:
    part = (np.array([2], np.int32), np.array([5], np.int32), np.array([0.5], np.float32))
    one, other, score = concatenate_hits([NO_HITS, part, part])
    assert (one.tolist(), other.tolist(), score.tolist()) == ([2, 2], [5, 5], [0.5, 0.5])
