"""Which of a collection's jobs was the last: by their commits, not by their ids."""

import pyarrow as pa
import pytest

from headcount.assignments import history
from headcount.contract.layout import JobKeys, PackKeys, commit_key
from headcount.contract.record import now
from headcount.contract.stored.archive import CommitRecord, LastCommitRecord
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore

KEYS = PackKeys("p")


def committed(store: MemoryStore, job_id: str, version: int) -> None:
    record = CommitRecord(pack_id="p", photos=version, faces=version, gallery=1, at=now())
    store.put(JobKeys(job_id).commit, record.to_bytes())
    store.put(commit_key("c"), LastCommitRecord(job_id=job_id, made=True).to_bytes())


def left_roll(store: MemoryStore, job_id: str) -> None:
    history.write_assignments(store, KEYS, "c", job_id, history.ASSIGNMENTS.empty_table())


def test_a_job_that_was_paused_and_ended_later_is_the_last_one() -> None:
    store = MemoryStore()
    for version, job_id in enumerate(["1", "3", "2"]):
        committed(store, job_id, version + 1)
        left_roll(store, job_id)
    assert history.job_ids(store, KEYS.assignment_folder("c")) == ["1", "3", "2"]
    assert history.latest_job(store, KEYS, "c") == "2"
    assert history.latest_job(store, KEYS, "c", before="2") == "3"
    assert history.latest_job(store, KEYS, "c", before="3") == "1"


def test_the_last_job_is_known_where_no_versions_were_kept() -> None:
    store = MemoryStore()
    for job_id in ("2", "1"):
        committed(store, job_id, 1)
        left_roll(store, job_id)
        store.delete(JobKeys(job_id).commit)
    assert history.latest_job(store, KEYS, "c") == "1"


def test_the_rolls_that_go_are_those_committed_first() -> None:
    store = MemoryStore()
    ids = [f"{number:02}" for number in range(1, history.KEPT + 1)]
    for version, job_id in enumerate([*ids, "00"]):
        committed(store, job_id, version + 1)
        left_roll(store, job_id)
    kept = history.job_ids(store, KEYS.assignment_folder("c"))
    assert kept == [*ids[1:], "00"]


def faces(*names: str) -> pa.Table:
    rows = [dict.fromkeys(history.ASSIGNMENTS.names, name) for name in names]
    return pa.Table.from_pylist(rows, schema=history.ASSIGNMENTS)


def left(store: MemoryStore, job_id: str, table: pa.Table, before: str | None = None) -> int:
    """Leave a job's assignments; gives the bytes that were written."""
    committed(store, job_id, int(job_id))
    history.write_assignments(store, KEYS, "c", job_id, table, before=before)
    return store.stat(KEYS.assignments("c", job_id)).size


def test_equal_assignments_are_kept_once_however_many_jobs_have_them() -> None:
    store, many = MemoryStore(), faces(*(str(number * 7919) for number in range(3000)))
    whole = left(store, "1", many)
    assert left(store, "2", many, "1") < whole / 10
    assert left(store, "3", many, "2") < whole / 10
    assert left(store, "4", faces("other"), "3")
    for job_id in "123":
        assert history.read_assignments(store, KEYS, "c", job_id) == many
    assert history.holder_of(store, KEYS, "c", "3") == "1"


def test_a_table_that_others_mean_stays_as_long_as_they_do() -> None:
    store, table = MemoryStore(), faces("a")
    for job_id, before in (("1", None), ("2", "1"), ("3", "2")):
        left(store, job_id, table, before)
    assert history.remove_assignments(store, KEYS, "c", {"1", "2"}) == ["2"]
    assert history.read_assignments(store, KEYS, "c", "3") == table
    assert history.remove_assignments(store, KEYS, "c", {"1", "3"}) == ["1", "3"]


def test_a_note_whose_table_is_gone_is_no_empty_table() -> None:
    store, table = MemoryStore(), faces("a")
    left(store, "1", table)
    left(store, "2", table, "1")
    store.delete(KEYS.assignments("c", "1"))
    with pytest.raises(FatalError, match="is missing"):
        history.read_assignments(store, KEYS, "c", "2")
    assert not history.read_assignments(store, KEYS, "c", "9").num_rows


def test_assignments_with_a_changed_bit_are_refused_in_words() -> None:
    store = MemoryStore()
    left(store, "1", faces("a"))
    key = KEYS.assignments("c", "1")
    data = bytearray(store.get(key).data)
    data[20] ^= 1
    store.put(key, bytes(data))
    with pytest.raises(FatalError, match="headcount verify"):
        history.read_assignments(store, KEYS, "c", "1")
