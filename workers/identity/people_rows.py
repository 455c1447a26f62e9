"""The rows in which the people of a group photo stand or sit, from the boxes of their faces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Left, top, width, height of each face: n x 4."""
Rows = NDArray[np.int64]

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
_LEVEL = 0.4 * np.abs(_SLOPES)
"""The cost of each slope: level rows are believed where both explain the same."""


def people_rows(boxes: Boxes) -> Rows:
    """The row of each face, 0 at the back.

    Rows are straight, parallel and at most ROWS. Of all slopes and numbers of rows those are taken
    that explain most of the heights at which the faces are, for their number.
    """
    n = len(boxes)
    if n < 2:
        return np.zeros(n, np.int64)
    size = float(np.median(boxes[:, 3]))
    x = (boxes[:, 0] + boxes[:, 2] / 2) / size
    y = (boxes[:, 1] + boxes[:, 3] / 2) / size
    above = _above(x, boxes[:, 2] / size)
    if n < 4 and not len(above):
        return np.zeros(n, np.int64)
    room = float(np.median(np.diff(np.sort(x))))
    row_cost = _ROW_COST * min(max(room / _ROOM, 1.0), _ROOM_COUNTS)
    clash_cost = 2 * _ABOVE_COST / n
    most = 1 + int((float(np.var(y)) + clash_cost * len(above)) / row_cost)  # more cannot pay
    if most == 1:
        return np.zeros(n, np.int64)
    heights = y - _SLOPES[:, None] * (x - x.mean())
    order = np.argsort(heights, axis=1, kind="stable")
    sorted_heights = np.take_along_axis(heights, order, axis=1)
    best, rows = np.inf, np.zeros(n, np.int64)
    for left, starts in _divisions(sorted_heights, min(ROWS, n, most)):
        found = _labels(order, starts)
        clashes = np.count_nonzero(found[:, above[:, 0]] == found[:, above[:, 1]], axis=1)
        cost = left / n + clash_cost * clashes + row_cost * (starts.shape[1] - 1)
        cost = np.where(_are_apart(sorted_heights, starts), cost + _LEVEL, np.inf)
        at = int(np.argmin(cost))
        if cost[at] < best - 1e-9:
            best, rows = float(cost[at]), found[at]
    return rows


def _above(x: NDArray[np.float64], width: NDArray[np.float64]) -> Rows:
    """The pairs of faces of which one is above the other: pairs x 2."""
    near = np.abs(x[:, None] - x) < 0.5 * np.minimum(width[:, None], width)
    return np.argwhere(np.triu(near, 1))


def _labels(order: Rows, starts: Rows) -> Rows:
    """The row of each face by slope; ``order`` are the faces from above, ``starts`` of each row."""
    places = np.arange(order.shape[1])
    in_order = np.count_nonzero(places[None, :, None] >= starts[:, None, :], axis=2) - 1
    found = np.empty_like(order)
    np.put_along_axis(found, order, in_order, axis=1)
    return found


def _are_apart(heights: NDArray[np.float64], starts: Rows) -> NDArray[np.bool_]:
    """Whether the middles of neighbouring rows are far enough from each other, by slope."""
    slopes, n = heights.shape
    sums = np.concatenate([np.zeros((slopes, 1)), np.cumsum(heights, axis=1)], axis=1)
    bounds = np.concatenate([starts, np.full((slopes, 1), n)], axis=1)
    people = np.diff(bounds, axis=1)
    middles = np.diff(np.take_along_axis(sums, bounds, axis=1), axis=1) / np.maximum(people, 1)
    apart = np.all(np.diff(middles, axis=1) >= _APART, axis=1)
    return np.asarray(apart & np.all(people > 0, axis=1))


def _divisions(
    heights: NDArray[np.float64], most: int
) -> Iterator[tuple[NDArray[np.float64], Rows]]:
    """Divisions into 1 to ``most`` rows with the least sum of squares within rows, by slope.

    Yields that sum, and the place at which each row starts. Dynamic programming over the sorted
    heights (Fisher 1958), for all slopes at once.
    """
    slopes, n = heights.shape
    cost = _spreads(heights)
    best = cost[:, 0, :]  # of one row up to each place
    starts = np.zeros((slopes, n, 1), np.int64)
    yield best[:, -1], starts[:, -1]
    for _ in range(1, most):
        # rows up to place j, and the last row from there to i: slopes x j x i
        total = best[:, :-1, None] + cost[:, 1:, :]
        at = np.argmin(total, axis=1)
        best = np.take_along_axis(total, at[:, None, :], axis=1)[:, 0, :]
        before = np.take_along_axis(starts, at[:, :, None], axis=1)
        starts = np.concatenate([before, at[:, :, None] + 1], axis=2)
        yield best[:, -1], starts[:, -1]


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
