import numpy as np

from workers.clustering.pair_keys import between, buckets, each_once, higher, keyed, lower


def test_pairs_are_numbers_that_give_back_who_is_in_them() -> None:
    keys = keyed(np.array([7, 2**31 - 1, 3]), np.array([5, 0, 3]))
    assert lower(keys).tolist() == [5, 0, 3]
    assert higher(keys).tolist() == [7, 2**31 - 1, 3]


def test_pairs_are_in_order_each_once_and_nobody_is_paired_with_themselves() -> None:
    keys = between(np.array([4, 1, 2, 1, 3]), np.array([1, 4, 2, 2, 0]))
    assert list(zip(lower(keys).tolist(), higher(keys).tolist(), strict=True)) == [
        (0, 3),
        (1, 2),
        (1, 4),
    ]


def test_buckets_hold_every_pair_and_come_one_after_the_other() -> None:
    random = np.random.default_rng(3)
    parts = [between(*random.integers(0, 1000, (2, 500))) for _ in range(3)]
    filled = [each_once(*bucket) for bucket in buckets(parts, 1000, 7)]
    assert len(filled) == 7
    np.testing.assert_array_equal(np.concatenate(filled), each_once(*parts))
