import pyarrow as pa

from headcount.rosters.statuses import EXPECTED, MISSING, SETTLED, Status
from tests.workers.report.views import unmet
from workers.report.missing import choose_nearest, missing_view
from workers.report.view import UNTOLD


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), EXPECTED)


def test_every_status_is_met_an_absence_or_untold() -> None:
    assert {*SETTLED, *MISSING, *UNTOLD} == set(Status)


def test_without_a_roster_there_is_nothing_to_show() -> None:
    assert missing_view(EXPECTED.empty_table()) is None


def test_whoever_is_met_or_absent_and_fine_is_left_out_and_counted() -> None:
    view = missing_view(table(*(unmet("Ada", status) for status in Status)))
    assert view is not None
    left = [status for status in Status if status not in SETTLED]
    assert view.rows["status"].to_pylist() == left
    assert (view.expected, view.absences, view.untold) == (9, 3, 3)
    assert view.accepted == 1


def test_nearest_faces_are_shown_of_near_misses_first_then_of_the_most_similar() -> None:
    rows = table(
        unmet("Ada", "absent", face_id="1", similarity=0.3),
        unmet("Bob", "near_miss", face_id="2", similarity=0.2),
        unmet("Cy", "absent", face_id=None),
        unmet("Dot", "too_poor_to_say", face_id="3"),
        unmet("Eve", "absent", face_id="4", similarity=0.31),
        unmet("Fay", "not_enrolled", face_id="5", similarity=0.9),
    )
    assert [row["person"] for row in choose_nearest(rows)] == ["Bob", "Eve", "Ada", "Dot"]
    assert [row["person"] for row in choose_nearest(rows, 2)] == ["Bob", "Eve"]
