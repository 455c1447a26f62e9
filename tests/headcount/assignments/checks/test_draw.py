"""What is drawn: each name and absence once, at random, and the same again from the seed."""

import hashlib
from collections import Counter

import pyarrow as pa

from headcount.assignments.checks.draw import absences_of, counts_of, drawn, names_of
from headcount.assignments.history import ASSIGNMENTS
from headcount.contract.results import EXPECTED

IDS = ("face_id", "person_id")


def assigned(*rows: tuple[str, str, str, str | None]) -> pa.Table:
    """Rows of photo, face, decision, person."""
    told = [
        {
            "photo": photo,
            "face_id": face,
            "decision": decision,
            "person_id": person,
            "person": person,
        }
        for photo, face, decision, person in rows
    ]
    return pa.Table.from_pylist(told, ASSIGNMENTS)


def many(count: int) -> pa.Table:
    rows = [(f"{n}.jpg", f"f{n}", "matched", f"p{n % 5}") for n in range(count)]
    return names_of(assigned(*rows))


def test_names_are_told_by_what_gave_them() -> None:
    names = names_of(
        assigned(
            ("a", "f1", "matched", "p1"),
            ("a", "f2", "inferred", "p2"),
            ("a", "f3", "inferred", "p3"),
            ("b", "f4", "matched", "p4"),
            ("b", "f5", "matched", "p5"),
            ("b", "f6", "unknown", None),
        ),
        by_hand={("f4", "p4"), ("f5", "somebody else")},
        expected_here={"f3"},
    )
    how = dict(zip(names["face_id"].to_pylist(), names["how"].to_pylist(), strict=True))
    assert how == {
        "f1": "matched",
        "f2": "inferred",
        "f3": "expected_here",
        "f4": "by_hand",
        "f5": "matched",
    }
    assert counts_of(names) == {"by_hand": 1, "expected_here": 1, "inferred": 1, "matched": 2}


def test_copies_of_a_photo_count_once_in_the_first_of_them() -> None:
    rows = [("b", "f1", "matched", "p1"), ("a", "f1", "matched", "p1")]
    [row] = names_of(assigned(*rows)).to_pylist()
    assert row["photo"] == "a"


def test_a_draw_is_the_same_again_whatever_the_order_of_the_rows() -> None:
    names = many(300)
    first = drawn(names, IDS, 20, 7)
    turned = names.take(pa.array(range(299, -1, -1)))
    assert drawn(turned, IDS, 20, 7) == first
    assert drawn(names, IDS, 20, 8) != first
    assert len({row["face_id"] for row in first}) == 20
    digests = [
        hashlib.sha256(f"7/{r['face_id']}/{r['person_id']}".encode()).hexdigest() for r in first
    ]
    assert digests == sorted(digests), "as the docs say how to draw again"


def test_a_name_that_is_gone_changes_no_other_place() -> None:
    names = many(300)
    first = [row["face_id"] for row in drawn(names, IDS, 20, 7)]
    left = names.filter(pa.array([face != first[3] for face in names["face_id"].to_pylist()]))
    again = [row["face_id"] for row in drawn(left, IDS, 20, 7)]
    assert again[:19] == first[:3] + first[4:]


def test_all_are_drawn_where_they_are_few() -> None:
    assert len(drawn(many(4), IDS, 20, 7)) == 4
    assert drawn(many(0), IDS, 20, 7) == []


def test_each_name_is_drawn_as_often_as_any_other() -> None:
    names = many(20)
    times = Counter(row["face_id"] for seed in range(2000) for row in drawn(names, IDS, 5, seed))
    assert len(times) == 20
    expected, sigma = 500, (2000 * 0.25 * 0.75) ** 0.5
    assert all(abs(number - expected) < 5 * sigma for number in times.values()), times


def expected_rows(*rows: tuple[str, str | None, str, str]) -> pa.Table:
    told = [
        {"scope": s, "needed": "every", "photo": p, "person_id": w, "person": w, "status": status}
        for s, p, w, status in rows
    ]
    return pa.Table.from_pylist(told, EXPECTED)


def test_absences_are_those_of_people_who_were_looked_for() -> None:
    rows = absences_of(
        expected_rows(
            ("x/", "x/a", "p1", "absent"),
            ("x/a", "x/a", "p1", "absent"),
            ("x/", "x/b", "p1", "near_miss"),
            ("x/", "x/c", "p1", "present"),
            ("x/", "x/c", "p2", "accepted"),
            ("y/", None, "p2", "too_poor_to_say"),
            ("z/", None, "p2", "photo_absent"),
        )
    )
    found = {(r["scope"], r["photo"], r["how"]) for r in rows.to_pylist()}
    assert found == {
        ("x/", "x/a", "absent"),
        ("x/", "x/b", "near_miss"),
        ("y/", None, "too_poor_to_say"),
    }


def test_the_absence_from_a_photo_and_its_copy_is_one() -> None:
    rows = expected_rows(("x/", "x/a", "p1", "absent"), ("x/", "x/b", "p1", "absent"))
    assert absences_of(rows, {"x/a": "c1", "x/b": "c1"}).num_rows == 1
    assert absences_of(rows, {"x/a": "c1", "x/b": "c2"}).num_rows == 2
    assert absences_of(rows).num_rows == 2
