import json

import pytest
from pydantic import ValidationError

from headcount.contract.messages import (
    FailedMarker,
    UnitMessage,
    find_record,
    new_job_id,
    now,
    read_record,
)
from headcount.errors import FatalError, ObjectMissing
from headcount.storage.memory import MemoryStore


def test_a_message_says_only_which_unit_of_which_job_of_which_archive() -> None:
    message = UnitMessage(archive="s3://a/", job_id="j", unit="embed-0000001")
    assert set(message.model_dump()) == {"version", "archive", "job_id", "unit"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "embed-1; rm"},
        {"job_id": "../../etc"},
        {"job_id": ""},
        {"version": 2},
        {"pixels": "..."},
    ],
)
def test_a_message_that_is_not_ours_is_refused(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"archive": "s3://a/", "job_id": "j", "unit": "prepare"}
    with pytest.raises(ValidationError):
        UnitMessage.model_validate(good | wrong)


def test_a_record_comes_back_as_it_was_written() -> None:
    store, marker = MemoryStore(), FailedMarker(unit="reduce", message="no")
    store.put("x.json", marker.to_bytes())
    assert read_record(store, "x.json", FailedMarker) == marker


def test_a_record_of_a_later_version_is_not_guessed_at() -> None:
    store = MemoryStore()
    store.put("x.json", json.dumps({"version": 2, "unit": "u", "message": "m"}).encode())
    with pytest.raises(FatalError, match="another version of headcount"):
        read_record(store, "x.json", FailedMarker)


def test_a_record_that_is_not_there_is_none_or_an_error_as_asked() -> None:
    assert find_record(MemoryStore(), "x.json", FailedMarker) is None
    with pytest.raises(ObjectMissing):
        read_record(MemoryStore(), "x.json", FailedMarker)


def test_job_ids_are_unique_and_sort_by_time() -> None:
    first, second = new_job_id(now().replace(year=2025)), new_job_id(now().replace(year=2026))
    assert first < second
    assert new_job_id(now()) != new_job_id(now())
