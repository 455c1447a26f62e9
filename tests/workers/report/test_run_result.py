import pyarrow as pa

from headcount.contract import results
from workers.people.gallery import NOBODY_ENROLLED
from workers.report.run_result import RunResult, counted

CLUSTERS = [
    {"cluster_id": "c1", "faces": 2, "photos": 2, "person_id": None, "exemplar_face_id": "a"},
    {"cluster_id": "c2", "faces": 1, "photos": 1, "person_id": "ada", "exemplar_face_id": "b"},
]
PEOPLE = [
    {"person_id": "ada", "person": "Ada", "references": 1, "photos": 1, "faces": 1},
    {"person_id": "bob", "person": "Bob", "references": 1, "photos": 0, "faces": 0},
]


def test_totals_follow_from_the_tables() -> None:
    result = RunResult(
        faces=pa.table({"decision": ["unknown", "matched", "unknown"]}),
        people=pa.Table.from_pylist(PEOPLE, results.PEOPLE),
        clusters=pa.Table.from_pylist(CLUSTERS, results.CLUSTERS),
        outcomes={"faces": 2, "unreadable": 1},
        failures=pa.table({}),
        gallery=NOBODY_ENROLLED,
        expected=results.EXPECTED.empty_table(),
    )
    assert result.photos == 3
    assert result.unnamed["cluster_id"].to_pylist() == ["c1"]
    assert result.decisions == {"unknown": 2, "matched": 1}
    assert result.people_found == 1


def test_texts_are_counted_in_the_order_of_first_occurrence() -> None:
    assert list(counted(pa.chunked_array([["b", "a"], ["b"]])).items()) == [("b", 2), ("a", 1)]
