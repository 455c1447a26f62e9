import pyarrow as pa

from headcount.contract import results
from workers.people.gallery import NOBODY_ENROLLED
from workers.report.run_result import RunResult, counted

CLUSTERS = [
    {"cluster_id": "c1", "faces": 2, "photos": 2, "person_id": None, "exemplar_face_id": "a"},
    {"cluster_id": "c2", "faces": 1, "photos": 1, "person_id": "ada", "exemplar_face_id": "b"},
]
PEOPLE = [
    {"person_id": "ada", "person": "Ada", "reference_count": 1, "photos": 1, "faces": 1},
    {"person_id": "bob", "person": "Bob", "reference_count": 1, "photos": 0, "faces": 0},
]


def expected(*rows: tuple[str, str | None, str, str]) -> pa.Table:
    """The table `expected` of rows of need, photo, person and status."""
    names = ("needed", "photo", "person", "status")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows], results.EXPECTED
    )


def test_absences_are_of_people_who_were_looked_for_and_not_found() -> None:
    result = RunResult(
        *(pa.table({}),) * 3,
        {},
        pa.table({}),
        NOBODY_ENROLLED,
        expected(
            ("every", "a", "Ada", "absent"),
            ("every", "a", "Ben", "present"),
            ("every", "b", "Ada", "photo_unreadable"),
            ("every", "b", "Cy", "photo_absent"),
            ("every", "c", "Di", "not_enrolled"),
            ("every", "a", "Cy", "near_miss"),
            ("some", "a", "Eve", "too_poor_to_say"),
        ),
    )
    assert result.absences["person"].to_pylist() == ["Ada", "Cy", "Eve"]
    assert result.absent_by_photo.to_pylist() == [
        {"photo": "a", "person": "Ada", "status": "absent"},
        {"photo": "a", "person": "Cy", "status": "near_miss"},
    ]
    assert result.expected_statuses["absent"] == 1


def test_totals_follow_from_the_tables() -> None:
    result = RunResult(
        faces=pa.table({"decision": ["unknown", "matched", "unknown"]}),
        people=pa.Table.from_pylist(PEOPLE, results.PEOPLE),
        clusters=pa.Table.from_pylist(CLUSTERS, results.CLUSTERS),
        outcomes={"faces": 2, "unreadable": 1},
        failures=pa.table({}),
        gallery=NOBODY_ENROLLED,
        expected=expected(),
    )
    assert result.photos == 3
    assert result.unnamed["cluster_id"].to_pylist() == ["c1"]
    assert result.decisions == {"unknown": 2, "matched": 1}
    assert result.people_found == 1


def test_texts_are_counted_in_the_order_of_first_occurrence() -> None:
    assert list(counted(pa.chunked_array([["b", "a"], ["b"]])).items()) == [("b", 2), ("a", 1)]
