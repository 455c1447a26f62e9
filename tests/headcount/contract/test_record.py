import json

import pytest

from headcount.contract.record import find_record, read_record
from headcount.contract.stored.jobs import FailedMarker
from headcount.errors import FatalError, ObjectMissing
from headcount.storage.memory import MemoryStore


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
