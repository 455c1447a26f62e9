"""The record of a check, as bytes."""

import pytest
from pydantic import ValidationError

from headcount.assignments.checks.record import CheckRecord, items_of
from tests.headcount.assignments.checks.made import check, item


def test_a_record_comes_back_as_it_was() -> None:
    record = check(item(1, "wrong"), item(2))
    assert CheckRecord.from_bytes(record.to_bytes()) == record


def test_a_changed_record_is_refused() -> None:
    data = check(item(1, "wrong")).to_bytes().replace(b'"wrong"', b'"right"')
    with pytest.raises(ValidationError):
        CheckRecord.from_bytes(data)


def test_items_are_numbered_names_first() -> None:
    name = {"face_id": "f", "person_id": "p", "photo": "a", "person": "P", "how": "matched"}
    absence = {"scope": "x/", "person_id": "p", "photo": None, "person": "P", "how": "absent"}
    items = items_of([name], [absence])
    assert [(one.number, one.kind, one.face_id, one.scope) for one in items] == [
        (1, "name", "f", None),
        (2, "absence", None, "x/"),
    ]
