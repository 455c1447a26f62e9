import pyarrow as pa
import pytest

from headcount.assignments import expectations
from headcount.assignments.expectations import read_expectations, write_expectations
from headcount.contract.layout import PackKeys
from headcount.rosters.changes import EXPECTATIONS
from headcount.storage.memory import MemoryStore

ROW = dict.fromkeys(EXPECTATIONS.names, "x")
KEYS = PackKeys("p")


def test_they_are_read_as_they_were_kept_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    store, table = MemoryStore(), pa.Table.from_pylist([ROW], EXPECTATIONS)
    monkeypatch.setattr(expectations, "KEPT", 2)
    for job in ("1", "2", "3"):
        write_expectations(store, KEYS, "c", job, table)
    assert read_expectations(store, KEYS, "c", "1").num_rows == 0
    assert read_expectations(store, KEYS, "c", "3").equals(table)
    assert read_expectations(store, KEYS, "c", None).num_rows == 0


def test_nothing_is_kept_of_a_job_that_expected_nobody() -> None:
    store = MemoryStore()
    write_expectations(store, KEYS, "c", "1", pa.Table.from_pylist([ROW], EXPECTATIONS))
    write_expectations(store, KEYS, "c", "1", EXPECTATIONS.empty_table())
    assert list(store.list()) == []
