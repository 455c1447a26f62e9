"""Which of a collection's jobs was the last: by their commits, not by their ids."""

from headcount.assignments import history
from headcount.contract.layout import JobKeys, PackKeys, commit_key
from headcount.contract.record import now
from headcount.contract.stored.archive import CommitRecord, LastCommitRecord
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
