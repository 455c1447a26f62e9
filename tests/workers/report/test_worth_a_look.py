"""The order of what is worth a look, by the columns of the results alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.vocabulary import DISMISSED, NAMED_BY_PERSON
from workers.report.worth_a_look import COLUMNS, Kind, worth_a_look

THRESHOLD, MARGIN = 0.36, 0.04
FOLDERS = 8
SCHEMA = pa.schema([results.FACES.field(name) for name in COLUMNS])


def face(number: int, **facts: Any) -> dict[str, Any]:
    """An unknown face that is a little like Ada."""
    known = {
        "photo": f"{number % FOLDERS}/{number:04}.jpg",
        "face_id": f"f{number}",
        "decision": "unknown",
        "nearest": "Ada",
        "nearest_person_id": "ada",
        "similarity": 0.2,
        "margin": 0.2,
        "reference": "people/Ada/1.jpg",
    }
    return known | facts


def matched(number: int, **facts: Any) -> dict[str, Any]:
    named = {"decision": "matched", "person": "Ada", "person_id": "ada", "similarity": 0.7}
    return face(number, **(named | facts))


def looked(*rows: dict[str, Any], limit: int = 100, dismissed: tuple[str, ...] = ()) -> Any:
    table = pa.Table.from_pylist(list(rows), SCHEMA)
    return worth_a_look(table, threshold=THRESHOLD, margin=MARGIN, dismissed=dismissed, limit=limit)


def made_archive(photos: int, planted: int) -> pa.Table:
    """Faces of a run with all kinds of doubt among them, and planted near misses of their own."""
    random = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for number in range(photos * 3):
        person = f"person {random.integers(60)}"
        who = {"nearest": person, "nearest_person_id": person}
        kind = random.choice(["matched", "unknown", "inferred", "close"], p=[0.5, 0.4, 0.08, 0.02])
        named = {"person": person, "person_id": person}
        if kind == "matched":
            facts = {"decision": "matched", "similarity": random.uniform(0.4, 0.9), **named}
        elif kind == "close":
            facts = {"decision": "matched", "similarity": 0.5, "margin": 0.05, **named}
        elif kind == "inferred":
            facts = {"decision": "inferred", "similarity": random.uniform(0.1, 0.35), **named}
        else:
            facts = {"similarity": random.uniform(0.02, 0.3)}
        rows.append(face(number, cluster_id=f"c{number % 700}", **who, **facts))
    for n, number in enumerate(random.choice(len(rows), planted, replace=False)):
        who = {"nearest": f"planted {n}", "nearest_person_id": f"planted {n}"}
        near = {"similarity": THRESHOLD - random.uniform(0.002, 0.045), "cluster_id": f"near {n}"}
        rows[number] = face(int(number), **who, **near)
    return pa.Table.from_pylist(rows, SCHEMA)


def test_planted_near_misses_are_all_among_the_first_thirty() -> None:
    faces = made_archive(860, 10)
    looks = worth_a_look(faces, threshold=THRESHOLD, margin=MARGIN, limit=100)
    first = {look.person for look in looks[:30]}
    assert {f"planted {n}" for n in range(10)} <= first
    assert {look.kind for look in looks[:30]} == set(Kind)
    assert len(looks) == 100


def test_each_kind_is_told_by_its_columns() -> None:
    looks = looked(
        face(1, similarity=0.34),
        face(2, similarity=0.42, discount=0.08),
        matched(3, decision="inferred", similarity=0.2),
        matched(4, margin=0.06),
        face(5, similarity=0.5, margin=0.01),
        face(6, similarity=0.28, nearest="Ben", nearest_person_id="ben"),
    )
    assert {(look.face_id, look.kind) for look in looks} == {
        ("f1", Kind.NEAR_MISS),
        ("f2", Kind.NEAR_MISS),
        ("f3", Kind.INFERRED),
        ("f4", Kind.SMALL_MARGIN),
        ("f5", Kind.SMALL_MARGIN),
        ("f6", Kind.NEAREST),
    }


@pytest.mark.parametrize(
    "settled",
    [
        face(1, similarity=0.1),
        face(1, similarity=None, nearest=None, nearest_person_id=None),
        face(1, similarity=0.35, evidence=DISMISSED),
        face(1, similarity=0.35, cluster_id="alone"),
        face(1, similarity=0.35, decision="ignored"),
        matched(1),
        matched(1, margin=0.05, evidence=NAMED_BY_PERSON),
        matched(1, margin=None),
    ],
)
def test_what_is_settled_needs_no_look(settled: dict[str, Any]) -> None:
    assert looked(settled, dismissed=("alone",)) == []


def test_the_nearest_to_the_threshold_comes_first_of_its_kind() -> None:
    looks = looked(*(face(n, similarity=0.31 + n / 100) for n in (2, 4, 1, 3)))
    assert [look.face_id for look in looks] == ["f4", "f3", "f2", "f1"]


def test_an_inferred_face_that_is_more_like_somebody_else_comes_first() -> None:
    looks = looked(
        matched(1, decision="inferred", similarity=0.1),
        matched(2, decision="inferred", similarity=0.3, nearest="Ben", nearest_person_id="ben"),
    )
    assert [(look.face_id, look.person, look.reference) for look in looks] == [
        ("f2", "Ada", None),
        ("f1", "Ada", "people/Ada/1.jpg"),
    ]


def test_a_cluster_is_asked_about_once_for_each_person() -> None:
    ben = {"nearest": "Ben", "nearest_person_id": "ben"}
    looks = looked(
        *(face(n, similarity=0.33 + n / 1000, cluster_id="c1") for n in range(5)),
        face(5, similarity=0.32, cluster_id="c1", **ben),
        face(6, similarity=0.315),
        face(7, similarity=0.314),
    )
    said = [(look.face_id, look.person, look.alike) for look in looks]
    assert said == [("f4", "Ada", 4), ("f5", "Ben", 0), ("f6", "Ada", 0), ("f7", "Ada", 0)]


def test_kinds_take_turns_and_no_more_than_asked_for_are_chosen() -> None:
    rows = [face(n, similarity=0.34) for n in range(50)]
    rows += [matched(n, decision="inferred", similarity=0.2) for n in range(50, 100)]
    looks = looked(*rows, limit=7)
    kinds = [look.kind for look in looks]
    assert kinds.count(Kind.NEAR_MISS) == 5
    assert kinds.count(Kind.INFERRED) == 2
    assert looked(*rows, limit=0) == []
    assert looked(limit=9) == []
