import pyarrow as pa

from headcount.contract.results import EXPECTED
from headcount.contract.vocabulary import person_id
from headcount.rosters.changes import EXPECTATIONS, diff_absences, kept_expectations


def expectations(*rows: tuple[str, str, str | None, str, str]) -> pa.Table:
    """Rows of scope, need, photo, person and status."""
    names = ("scope", "needed", "photo", "person", "status")
    made = [dict(zip(names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist([r | {"person_id": r["person"]} for r in made], EXPECTATIONS)


def people(found: object) -> list[str]:
    assert isinstance(found, list)
    return [row["person"] for row in found]


def test_absences_are_new_where_they_were_none_and_end_where_people_are_found() -> None:
    before = expectations(
        ("a", "every", "a", "Ada", "present"),
        ("a", "every", "a", "Ben", "absent"),
        ("a", "every", "a", "Cy", "near_miss"),
        ("a", "every", "a", "Di", "absent"),
        ("a", "every", "a", "Eve", "too_poor_to_say"),
    )
    after = expectations(
        ("a", "every", "a", "Ada", "near_miss"),
        ("a", "every", "a", "Ben", "inferred"),
        ("a", "every", "a", "Cy", "absent"),
        ("a", "every", "a", "Di", "photo_unreadable"),
        ("a", "every", "a", "Fay", "absent"),
    )
    found = diff_absences(before, after)
    assert people(found["new_absences"]) == ["Ada", "Fay"]
    assert people(found["ended_absences"]) == ["Ben"]
    assert found["counts"] == {"new_absences": 2, "ended_absences": 1}


def test_a_photo_is_the_same_absence_whatever_line_it_is_from() -> None:
    before = expectations(("a/", "every", "a/1", "Ada", "absent"))
    after = expectations(
        ("*", "every", "a/1", "Ada", "absent"), ("a/1", "every", "a/1", "Ada", "absent")
    )
    assert diff_absences(before, after)["counts"] == {"new_absences": 0, "ended_absences": 0}
    assert diff_absences(before[:0], after)["counts"]["new_absences"] == 1


def test_where_some_photo_is_enough_the_scope_is_what_counts() -> None:
    some = ("*", "some")
    before = expectations((*some, "a", "Ada", "near_miss"), (*some, "a", "Ben", "absent"))
    after = expectations((*some, "b", "Ada", "near_miss"), (*some, "c", "Ben", "present"))
    found = diff_absences(before, after)
    assert (people(found["new_absences"]), people(found["ended_absences"])) == ([], ["Ben"])


def test_people_who_are_not_enrolled_are_kept_with_their_ids() -> None:
    row = {"scope": "a", "needed": "every", "photo": "a", "person": "Ada", "status": "not_enrolled"}
    kept = kept_expectations(pa.Table.from_pylist([row], EXPECTED))
    assert kept.schema == EXPECTATIONS
    assert kept["person_id"].to_pylist() == [person_id("Ada")]


def test_an_absence_ends_where_it_is_accepted_and_begins_where_that_is_taken_back() -> None:
    absent = expectations(("a", "every", "a", "Ada", "absent"))
    fine = expectations(("a", "every", "a", "Ada", "accepted"))
    assert diff_absences(absent, fine)["counts"] == {"new_absences": 0, "ended_absences": 1}
    assert diff_absences(fine, absent)["counts"] == {"new_absences": 1, "ended_absences": 0}
