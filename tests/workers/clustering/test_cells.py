import numpy as np

from workers.clustering.cells import UNASSIGNED, CellAssignment, Cells, exhaustive_cells

ONE = CellAssignment(
    assignment=np.array([0, 3, 2], np.int32),
    cell=np.array([0, 0, 2, 2, 3, 3], np.int32),
    query=np.array([0, 1, 1, 2, 0, 1], np.int32),
)
OTHER = CellAssignment(
    assignment=np.array([2, UNASSIGNED], np.int32),
    cell=np.array([0, 2, 2], np.int32),
    query=np.array([1, 0, 1], np.int32),
)


def test_only_points_that_probe_some_cells_are_within_them() -> None:
    chosen, there = ONE.within(2, 3)
    assert chosen.tolist() == [1, 2]
    assert there.assignment.tolist() == [UNASSIGNED, 0]
    assert there.cell.tolist() == [0, 0]
    assert there.query.tolist() == [0, 1]
    nobody, empty = ONE.within(1, 2)
    assert len(nobody) == len(empty.assignment) == len(empty.cell) == 0


def test_points_of_several_parts_are_numbered_in_turn() -> None:
    cells = Cells.build([ONE, OTHER], 4)
    assert len(cells) == 4
    assert [cells.members_of(c).tolist() for c in range(4)] == [[0], [], [2, 3], [1]]
    assert [cells.queries_of(c).tolist() for c in range(4)] == [
        [0, 1, 4],
        [],
        [1, 2, 3, 4],
        [0, 1],
    ]


def test_parts_joined_to_one_assignment_give_the_same_cells() -> None:
    joined = CellAssignment.concatenate([ONE, OTHER], 4)
    assert joined.assignment.tolist() == [0, 3, 2, 2, UNASSIGNED]
    alone, parts = Cells.build([joined], 4), Cells.build([ONE, OTHER], 4)
    for name in ("members", "member_starts", "queries", "query_starts"):
        assert getattr(alone, name).tolist() == getattr(parts, name).tolist()


def test_every_point_probes_every_exhaustive_cell() -> None:
    cells = exhaustive_cells(2500)
    assert len(cells) == 3
    assert np.concatenate([cells.members_of(c) for c in range(3)]).tolist() == list(range(2500))
    assert all(cells.queries_of(c).tolist() == list(range(2500)) for c in range(3))
