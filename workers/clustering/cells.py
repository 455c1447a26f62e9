"""Cells of points, as an inverted file has them: the members of each cell, and its queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNASSIGNED = -1
"""The cell of a point whose cell is not among these."""
EXHAUSTIVE_CELL = 1024
"""Members of a cell where every pair is compared."""


@dataclass(frozen=True, slots=True)
class CellAssignment:
    """For P points: the cell that each is a member of, and the cells that each probes.

    ``assignment`` (P) is the cell, or UNASSIGNED. ``cell`` and ``query`` (K) are pairs of a cell
    and a point that probes it, sorted by cell. A point probes its own cell too.
    """

    assignment: NDArray[np.int32]
    cell: NDArray[np.int32]
    query: NDArray[np.int32]

    @classmethod
    def concatenate(cls, parts: Sequence[CellAssignment], count: int) -> CellAssignment:
        """Join the parts of one set of points, which are numbered in turn, in ``count`` cells."""
        cells = Cells.build(parts, count)
        cell = np.repeat(np.arange(count, dtype=np.int32), np.diff(cells.query_starts))
        return cls(_assignments(parts), cell, cells.queries)

    def within(self, first: int, last: int) -> tuple[NDArray[np.int32], CellAssignment]:
        """Select the points that probe the cells from ``first`` up to ``last``.

        The second value numbers these points and cells from 0.
        """
        low, high = np.searchsorted(self.cell, [first, last])
        chosen = np.unique(self.query[low:high])
        assignment = self.assignment[chosen] - first
        assignment[(assignment < 0) | (assignment >= last - first)] = UNASSIGNED
        query = np.searchsorted(chosen, self.query[low:high])
        cell = self.cell[low:high] - first
        return chosen, CellAssignment(assignment, cell, query.astype(np.int32))


@dataclass(frozen=True, slots=True)
class Cells:
    """The members and the queries of C cells, for N points.

    ``members`` lists the points by cell, those of cell ``c`` from ``member_starts[c]`` on;
    ``queries`` and ``query_starts`` do so for the points that probe each cell.
    """

    members: NDArray[np.int32]
    member_starts: NDArray[np.int64]
    queries: NDArray[np.int32]
    query_starts: NDArray[np.int64]

    @classmethod
    def build(cls, parts: Sequence[CellAssignment], count: int) -> Cells:
        """List the points of all parts, which are numbered in turn, by cell."""
        assignment = _assignments(parts)
        members = np.argsort(assignment, kind="stable")
        members = members[np.count_nonzero(assignment == UNASSIGNED) :]
        probed = np.zeros(count, np.int64)
        for part in parts:
            probed += np.bincount(part.cell, minlength=count)
        starts = np.append(0, np.cumsum(probed))
        queries, free, first = np.empty(starts[-1], np.int32), starts[:-1].copy(), 0
        for part in parts:
            many = np.bincount(part.cell, minlength=count)
            here = free - (np.cumsum(many) - many)  # less the start of each cell in the part
            queries[here[part.cell] + np.arange(len(part.cell))] = part.query + first
            free += many
            first += len(part.assignment)
        inside = np.append(0, np.cumsum(np.bincount(assignment[members], minlength=count)))
        return cls(members.astype(np.int32), inside, queries, starts)

    def __len__(self) -> int:
        return len(self.member_starts) - 1

    def members_of(self, cell: int) -> NDArray[np.int32]:
        """The points that are members of a cell."""
        return self.members[self.member_starts[cell] : self.member_starts[cell + 1]]

    def queries_of(self, cell: int) -> NDArray[np.int32]:
        """The points that probe a cell."""
        return self.queries[self.query_starts[cell] : self.query_starts[cell + 1]]


def exhaustive_cells(count: int) -> Cells:
    """Cells of ``count`` points in order, each of which every point probes."""
    everybody = np.arange(count, dtype=np.int32)
    starts = np.append(np.arange(0, count, EXHAUSTIVE_CELL), count)
    cells = len(starts) - 1
    return Cells(everybody, starts, np.tile(everybody, cells), count * np.arange(cells + 1))


def _assignments(parts: Sequence[CellAssignment]) -> NDArray[np.int32]:
    return np.concatenate([np.zeros(0, np.int32), *(part.assignment for part in parts)])
