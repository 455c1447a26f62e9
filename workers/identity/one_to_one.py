"""One-to-one assignment of rows to columns: the pairs whose weights add up to the most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_EXACT = 256
"""Rows or columns of an exact assignment, at most: it takes the cube of their number, some tenths
of a second here. Larger ones are greedy, the heaviest pair first."""

Weights = NDArray[np.float64]
Pairs = list[tuple[int, int]]


def assign_one_to_one(weights: Weights) -> Pairs:
    """The pairs of row and column, each in one pair at most, whose N x M weights add up to most.

    Pairs of weight 0 are never taken; weights are 0 or more. Beyond MOST_EXACT rows and columns
    that have a weight, pairs are taken greedily, which reaches half of the most at least.
    """
    rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    some = weights[np.ix_(rows, columns)]
    solve = _hungarian if max(some.shape, default=0) <= MOST_EXACT else _greedy
    pairs = solve(some) if some.size else []
    return sorted((int(rows[r]), int(columns[c])) for r, c in pairs if some[r, c] > 0)


def _greedy(weights: Weights) -> Pairs:
    left, pairs = weights.copy(), []
    while left.flat[best := int(left.argmax())] > 0:
        row, column = divmod(best, left.shape[1])
        pairs.append((row, column))
        left[row], left[:, column] = 0, 0
    return pairs


def _hungarian(weights: Weights) -> Pairs:
    """Kuhn and Munkres' assignment by shortest augmenting paths, one row after the other."""
    if weights.shape[0] > weights.shape[1]:
        return [(row, column) for column, row in _hungarian(weights.T)]
    rows, columns = weights.shape
    cost = np.zeros((rows + 1, columns + 1))
    cost[1:, 1:] = -weights
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.zeros(columns + 1, np.int64)  # row of each column; 0: free
    for row in range(1, rows + 1):
        owner[0] = row
        column, before = _path(cost, row_price, column_price, owner)
        while column:
            owner[column] = owner[before[column]]
            column = int(before[column])
    return [(int(owner[c]) - 1, c - 1) for c in range(1, columns + 1) if owner[c]]


def _path(
    cost: Weights, row_price: Weights, column_price: Weights, owner: NDArray[np.int64]
) -> tuple[int, NDArray[np.int64]]:
    """The free column that is cheapest to reach from column 0's row, and the way there.

    The prices are brought up to date in place.
    """
    least = np.full(len(column_price), np.inf)
    before = np.zeros(len(column_price), np.int64)
    used = np.zeros(len(column_price), bool)
    column = 0
    while owner[column]:
        used[column] = True
        row = owner[column]
        reduced = cost[row] - row_price[row] - column_price
        better = ~used & (reduced < least)
        least[better], before[better] = reduced[better], column
        open_columns = np.where(used, np.inf, least)
        open_columns[0] = np.inf
        column = int(open_columns.argmin())
        step = open_columns[column]
        row_price[owner[used]] += step
        column_price[used] -= step
        least[~used] -= step
    return column, before
