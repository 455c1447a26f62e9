"""The rows in which the people of a group photo stand or sit, from the boxes of their faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Left, top, width, height of each face: n x 4."""

ROWS = 6
"""Rows of a photo, at most."""
CROWD = 200
"""Faces of a photo that is looked at for rows, at most: beyond are crowds, and the cost is n^2."""
BYSTANDER = 0.35
"""Height of a face, relative to the largest of its photo, below which it is far behind."""

_SLOPES = np.linspace(-0.24, 0.24, 13)
"""Slopes that a row may have, by a camera that was held at an angle or stood to one side."""
_ROW_COST = 0.16
"""Variance, in squared heights of a face, that another row must explain: people in one row differ
in height by about 0.35 of a face, and rows are a face apart."""
_ROOM, _ROOM_COUNTS = 1.2, 3.0
"""Heights of a face between neighbours of whom one may be in front of the other; where there is
more room nobody needs to stand behind, and a row costs more: so many times as much, at most."""
_ABOVE_COST = 0.25
"""The cost of each face that is above another one of its row, as a share of the row's people."""
_APART = 0.9
"""Heights of a face between the middles of two rows, at least."""
_SLOPE_COST = 0.4
"""The cost of a slope of 1: level rows are believed where both explain the same."""


def people_rows(boxes: Boxes) -> NDArray[np.int64]:
    """The row of each face, 0 at the back.

    Rows are straight, parallel and at most ROWS. Of all slopes and numbers of rows those are taken
    that explain most of the heights at which the faces are, for their number.
    """
    n = len(boxes)
    size = float(np.median(boxes[:, 3])) if n else 1.0
    x = (boxes[:, 0] + boxes[:, 2] / 2) / size
    y = (boxes[:, 1] + boxes[:, 3] / 2) / size
    above = _above(x, boxes[:, 2] / size)
    if n < 2 or (n < 4 and not above.any()):
        return np.zeros(n, np.int64)
    room = float(np.median(np.diff(np.sort(x))))
    row_cost = _ROW_COST * min(max(room / _ROOM, 1.0), _ROOM_COUNTS)
    heights = y - _SLOPES[:, None] * (x - x.mean())
    order = np.argsort(heights, axis=1, kind="stable")
    ends = _best_ends(np.take_along_axis(heights, order, axis=1), min(ROWS, n))
    best, rows = np.inf, np.zeros(n, np.int64)
    for count, cuts in enumerate(ends, 1):
        for slope, (places, starts) in enumerate(zip(order, cuts, strict=True)):
            found = np.empty(n, np.int64)
            found[places] = np.searchsorted(starts, np.arange(n), side="right") - 1
            cost = _unexplained(heights[slope], found, count, above)
            cost += row_cost * (count - 1) + _SLOPE_COST * abs(_SLOPES[slope])
            if cost < best - 1e-9:
                best, rows = cost, found
    return rows


def _above(x: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The pairs of faces of which one is above the other: n x n, upper triangle."""
    near = np.abs(x[:, None] - x) < 0.5 * np.minimum(width[:, None], width)
    return np.asarray(np.triu(near, 1))


def _unexplained(
    heights: NDArray[np.float64], rows: NDArray[np.int64], count: int, above: NDArray[np.bool_]
) -> float:
    """The cost of what rows leave open; infinite where two rows are too near to each other."""
    people = np.bincount(rows, minlength=count)
    middles = np.bincount(rows, heights, minlength=count) / np.maximum(people, 1)
    if np.any(np.diff(middles) < _APART) or not people.all():
        return float("inf")
    left = float(np.mean((heights - middles[rows]) ** 2))
    clashes = int(np.count_nonzero(above & (rows[:, None] == rows)))
    return left + _ABOVE_COST * 2 * clashes / len(rows)


def _best_ends(sorted_heights: NDArray[np.float64], most: int) -> list[NDArray[np.int64]]:
    """The first place of each row, by number of rows and slope, with least squares within rows.

    Dynamic programming over places (Fisher 1958), for all slopes at once: slopes x n heights.
    """
    slopes, n = sorted_heights.shape
    cost = _spreads(sorted_heights)
    best = cost[:, 0, :]  # of one row up to each place
    starts = [np.zeros((slopes, n, 1), np.int64)]
    for _ in range(1, most):
        # rows before place j, and the last row from j to the end i: slopes x j x i
        total = best[:, :-1, None] + cost[:, 1:, :]
        at = np.argmin(total, axis=1)
        best = np.take_along_axis(total, at[:, None, :], axis=1)[:, 0, :]
        before = np.take_along_axis(starts[-1], at[:, :, None], axis=1)
        starts.append(np.concatenate([before, at[:, :, None] + 1], axis=2))
    return [found[:, -1, :] for found in starts]


def _spreads(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of squared distances from the mean of the heights i to j: slopes x i x j."""
    slopes, n = heights.shape
    sums = np.concatenate([np.zeros((slopes, 1)), np.cumsum(heights, axis=1)], axis=1)
    squares = np.concatenate([np.zeros((slopes, 1)), np.cumsum(heights**2, axis=1)], axis=1)
    first, last = np.arange(n)[:, None], np.arange(n)[None, :]
    people = np.where(last >= first, last - first + 1, 1)
    total = sums[:, last + 1] - sums[:, first]
    spread = squares[:, last + 1] - squares[:, first] - total**2 / people
    return np.where(last >= first, np.maximum(spread, 0), np.inf)
