import numpy as np
import pytest

from tests.workers.clustering.test_cluster import people
from workers.clustering import linkage as groups
from workers.clustering.cluster import cluster
from workers.clustering.linkage import LinkageRule
from workers.clustering.pair_keys import between, buckets, each_once, higher, keyed, lower

FACES = people(60, 20, noise=0.9)
PHOTOS = np.random.default_rng(2).permutation(len(FACES)) // 6
RULE = LinkageRule(pair=0.6, group=0.45)


def test_no_two_faces_of_a_photo_come_together_however_groups_grow() -> None:
    labels = cluster(FACES, PHOTOS, rule=RULE)
    assert len(set(zip(labels.tolist(), PHOTOS.tolist(), strict=True))) == len(FACES)
    assert len(set(labels.tolist())) < len(FACES) / 4, "and most of them are joined"


def test_what_is_joined_does_not_depend_on_how_the_pairs_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = cluster(FACES, PHOTOS, rule=RULE)
    monkeypatch.setattr(groups, "CHUNK", 50)
    monkeypatch.setattr(groups, "COMPARED", 7)
    assert cluster(FACES, PHOTOS, rule=RULE).tolist() == whole.tolist()


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [(1, 1, 0.6), (4, 1, 0.525), (1, 4, 0.525), (9, 4, 0.475), (10_000, 10_000, 0.450015)],
)
def test_what_is_asked_of_two_groups_falls_with_the_root_of_the_number_of_their_pairs(
    first: int, second: int, asked: float
) -> None:
    sizes = np.float64([first]), np.float64([second])
    np.testing.assert_allclose(RULE.least(*sizes), [asked], atol=1e-9)


@pytest.mark.parametrize(("cosine", "together"), [(0.53, True), (0.52, False)])
def test_a_face_joins_four_at_the_mean_cosine_that_is_asked_of_four_pairs(
    cosine: float, together: bool
) -> None:
    """Between 0.525, asked of four pairs, and what their number or no root of it would ask."""
    four, fifth = np.zeros((4, 2), np.float32), np.zeros(2, np.float32)
    four[:, 0], fifth[:] = 1, (cosine, (1 - cosine**2) ** 0.5)
    labels = cluster(np.vstack([four, fifth]), np.arange(5), rule=RULE)
    assert (labels[0] == labels[4]) is np.bool_(together)


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
