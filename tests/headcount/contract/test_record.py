import json

import pytest

from headcount.contract.record import find_record, read_record, split_sum
from headcount.contract.stored.jobs import FailedMarker
from headcount.errors import FatalError, ObjectMissing
from headcount.storage.memory import MemoryStore

MARKER = FailedMarker(unit="reduce", message="no")


def test_a_record_comes_back_as_it_was_written() -> None:
    store = MemoryStore()
    store.put("x.json", MARKER.to_bytes())
    assert read_record(store, "x.json", FailedMarker) == MARKER
    assert json.loads(MARKER.to_bytes())["unit"] == "reduce"


def test_a_record_of_an_earlier_build_has_no_sum_and_is_read() -> None:
    store, text = MemoryStore(), MARKER.model_dump_json(indent=1).encode()
    store.put("x.json", text)
    assert split_sum(text) == (text, None)
    assert read_record(store, "x.json", FailedMarker) == MARKER


def test_a_record_with_any_one_bit_changed_is_not_read() -> None:
    good, store = MARKER.to_bytes(), MemoryStore()
    for place in range(8 * len(good)):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        store.put("x.json", bytes(bad))
        with pytest.raises(FatalError):
            read_record(store, "x.json", FailedMarker)


def test_a_record_of_a_later_version_is_not_guessed_at() -> None:
    store = MemoryStore()
    store.put("x.json", json.dumps({"version": 2, "unit": "u", "message": "m"}).encode())
    with pytest.raises(FatalError, match="another version of headcount"):
        read_record(store, "x.json", FailedMarker)


def test_a_record_that_is_not_there_is_none_or_an_error_as_asked() -> None:
    assert find_record(MemoryStore(), "x.json", FailedMarker) is None
    with pytest.raises(ObjectMissing):
        read_record(MemoryStore(), "x.json", FailedMarker)
