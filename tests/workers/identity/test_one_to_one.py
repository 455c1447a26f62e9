from itertools import permutations

import numpy as np
import pytest

from workers.identity import one_to_one
from workers.identity.one_to_one import Weights, assign_one_to_one


def most(weights: Weights) -> float:
    """The most that any assignment reaches, by trying all."""
    rows, columns = weights.shape
    padded = np.zeros((max(rows, columns),) * 2)
    padded[:rows, :columns] = weights
    size = len(padded)
    return max(float(padded[range(size), order].sum()) for order in permutations(range(size)))


def total(weights: Weights) -> float:
    pairs = assign_one_to_one(weights)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    return sum(float(weights[pair]) for pair in pairs)


@pytest.mark.parametrize("seed", range(40))
def test_no_other_assignment_weighs_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.random((random.integers(1, 6), random.integers(1, 6)))
    weights[random.random(weights.shape) < 0.4] = 0
    assert total(weights) == pytest.approx(most(weights))


def test_the_heaviest_pair_gives_way_where_two_others_weigh_more() -> None:
    assert assign_one_to_one(np.array([[0.9, 0.8], [0.7, 0.0]])) == [(0, 1), (1, 0)]


def test_pairs_without_weight_are_never_taken() -> None:
    assert assign_one_to_one(np.zeros((2, 3))) == []
    assert assign_one_to_one(np.zeros((0, 3))) == []


def test_larger_ones_are_greedy_and_reach_half_of_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_to_one, "MOST_EXACT", 1)
    weights = np.random.default_rng(1).random((5, 4))
    assert most(weights) / 2 <= total(weights) <= most(weights)
    assert assign_one_to_one(np.array([[0.9, 0.8], [0.7, 0.0]])) == [(0, 0)]
