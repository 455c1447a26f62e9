"""A forgotten person taken out of tables."""

import pyarrow as pa

from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.record import now
from headcount.contract.vocabulary import person_id
from headcount.rosters.changes import EXPECTATIONS
from headcount.rosters.statuses import hint_words
from orchestrator.people.forget.rows import (
    clusters_of,
    with_face_counts,
    without_expectations,
    without_kept,
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


def test_unknown_faces_are_no_longer_near_the_person_nor_to_a_reference_of_theirs() -> None:
    near = ["p1", "p2"]
    faces = FACES[1:].append_column("nearest", pa.array(["Ada", "Ben"]))
    faces = faces.append_column("nearest_person_id", pa.array(near))
    faces = faces.append_column("reference", pa.array(["people/Ada/1.jpg", "people/Ben/1.jpg"]))
    one, other = without_person(faces, STONE).to_pylist()
    assert (one["nearest"], one["nearest_person_id"], one["reference"]) == (None, None, None)
    assert (other["nearest"], other["reference"]) == ("Ben", "people/Ben/1.jpg")


def test_nobody_is_told_of_who_was_expected_nor_whose_face_or_name_was_near() -> None:
    ada = person_id("Ada")
    stone = STONE.model_copy(update={"person_id": ada})
    hint = hint_words("Ada")
    rows = [
        {"person_id": ada, "person": "Ada", "status": "present", "face_id": "f1"},
        {"person_id": None, "person": "Ada", "status": "not_enrolled", "reason": "x"},
        {"person_id": None, "person": "Adda", "status": "not_enrolled", "reason": f"none{hint}"},
        {"person_id": "p2", "person": "Ben", "status": "near_miss", "face_id": "f1"},
        {"person_id": "p2", "person": "Ben", "status": "near_miss", "face_id": "f3"},
    ]
    more = {"similarity": 0.5, "quality": 0.5}
    table = pa.Table.from_pylist([row | more for row in rows], results.EXPECTED)
    left = without_expectations(table, stone).to_pylist()
    assert [(r["person"], r["reason"], r["face_id"], r["similarity"]) for r in left] == [
        ("Adda", "none", None, 0.5),
        ("Ben", None, None, None),
        ("Ben", None, "f3", 0.5),
    ]
    kept = pa.Table.from_pylist([{"person_id": ada}, {"person_id": "p2"}], EXPECTATIONS)
    assert without_kept(kept, stone)["person_id"].to_pylist() == ["p2"]
