"""A forgotten person taken out of tables."""

import pyarrow as pa

from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.record import now
from orchestrator.people.forget.rows import (
    clusters_of,
    with_face_counts,
    without_name,
    without_person,
    without_row,
)

STONE = ForgottenRecord(person_id="p1", at=now(), state="removing", person="Ada", faces=("f1",))
FACES = pa.table(
    {
        "face_id": ["f1", "f2", "f3"],
        "decision": ["matched", "matched", "inferred"],
        "person_id": ["p1", "p1", "p2"],
        "person": ["Ada", "Ada", "Ben"],
    }
)


def test_forgotten_faces_go_and_others_with_the_name_become_unknown() -> None:
    assert without_person(FACES, STONE).to_pylist() == [
        {"face_id": "f2", "decision": "unknown", "person_id": None, "person": None},
        {"face_id": "f3", "decision": "inferred", "person_id": "p2", "person": "Ben"},
    ]


def test_a_text_column_of_somebody_elses_loses_name_and_id_and_nothing_more() -> None:
    table = pa.table({"note": ["Ada", "p1", "Ada's", "Ben"], "number": [1, 2, 3, 4]})
    assert without_name(table, STONE)["note"].to_pylist() == [None, None, "Ada's", "Ben"]


def test_the_row_of_the_person_goes_from_the_table_of_people() -> None:
    people = pa.table({"person_id": ["p1", "p2"]})
    assert without_row(people, STONE)["person_id"].to_pylist() == ["p2"]


def test_clusters_lose_the_person_and_the_forgotten_exemplar_where_faces_are_not_known() -> None:
    clusters = pa.table(
        {
            "cluster_id": ["k1", "k2"],
            "person_id": ["p1", None],
            "exemplar_face_id": ["f1", "f4"],
        }
    )
    assert clusters_of(clusters, None, STONE).to_pylist() == [
        {"cluster_id": "k1", "person_id": None, "exemplar_face_id": None},
        {"cluster_id": "k2", "person_id": None, "exemplar_face_id": "f4"},
    ]


def test_only_photos_that_lost_a_face_are_counted_again() -> None:
    rows = [
        {"photo": "a", "outcome": "faces", "faces": 2},
        {"photo": "b", "outcome": "faces", "faces": 1},
        {"photo": "c", "outcome": "unreadable", "faces": 0},
        {"photo": "d", "outcome": "faces", "faces": 1},
    ]
    before, left = (pa.table({"photo": list(of)}) for of in ("aabd", "ad"))
    counted = with_face_counts(pa.Table.from_pylist(rows, schema=results.PHOTOS), before, left)
    assert counted.schema == results.PHOTOS
    assert [(row["photo"], row["outcome"], row["faces"]) for row in counted.to_pylist()] == [
        ("a", "faces", 1),
        ("b", "no_face", 0),
        ("c", "unreadable", 0),
        ("d", "faces", 1),
    ]
