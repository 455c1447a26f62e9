from datetime import timedelta

import pytest

from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import now
from headcount.contract.stored.jobs import FinishedRecord, JobSpec
from headcount.errors import TransientError
from headcount.jobs.control import stop
from headcount.settings import Settings
from headcount.storage.memory import MemoryStore
from orchestrator.archive.catalogue import JobQueue, job_ids, unfinished_jobs
from orchestrator.jobs.submit import make_spec


def add(store: MemoryStore, job_id: str, photos: str = "s3://p/", priority: str = "normal") -> None:
    spec: JobSpec = make_spec(
        photos=photos,
        people=None,
        archive="s3://a/",
        out=None,
        settings=Settings(),
        priority=priority,
    )
    keys = JobKeys(job_id)
    store.put(keys.spec, spec.model_copy(update={"job_id": job_id}).to_bytes())
    for number in range(3):
        store.put(keys.done(shard_name(number)), b"{}")


def test_jobs_are_found_oldest_first_though_ids_begin_alike() -> None:
    store = MemoryStore()
    for job_id in ("a", "a-1", "a0", "b"):
        add(store, job_id)
    assert job_ids(store) == ["a", "a-1", "a0", "b"]
    assert job_ids(MemoryStore()) == []


def test_jobs_that_ended_or_are_paused_are_not_driven() -> None:
    store = MemoryStore()
    for job_id in ("a", "b", "c", "d"):
        add(store, job_id)
    record = FinishedRecord(job_id="a", state="failed", finished=now() - timedelta(1), out="x")
    store.put(JobKeys("a").finished, record.to_bytes())
    stop(store, "b", "paused")
    stop(store, "c", "cancelled")
    assert unfinished_jobs(store) == ["d"]


def test_of_jobs_that_are_done_nothing_is_asked_again() -> None:
    store = MemoryStore()
    ends = {"a": "done", "b": "failed"}
    for job_id, state in ends.items():
        add(store, job_id)
        record = FinishedRecord(job_id=job_id, state=state, finished=now(), out="x")
        store.put(JobKeys(job_id).finished, record.to_bytes())
    queue = JobQueue(store)
    assert queue.next_jobs() == []
    for job_id in ends:  # only what failed can be resumed
        store.fail(JobKeys(job_id).finished)
    with pytest.raises(TransientError):
        queue.next_jobs()
    store.delete(JobKeys("b").finished)
    assert queue.next_jobs() == ["b"]


def test_the_last_failure_is_known_from_the_archive_until_its_job_is_resumed() -> None:
    store, ends = MemoryStore(), [now() - timedelta(hours=hours) for hours in (3, 2, 1)]
    queue = JobQueue(store)
    assert queue.last_failed is None
    for job_id, state, end in zip("abc", ("failed", "failed", "done"), ends, strict=True):
        add(store, job_id)
        record = FinishedRecord(job_id=job_id, state=state, finished=end, out="x")
        store.put(JobKeys(job_id).finished, record.to_bytes())
    queue.next_jobs()
    assert queue.last_failed == ends[1]
    store.delete(JobKeys("b").finished)
    queue.next_jobs()
    assert queue.last_failed == ends[0]


def test_jobs_of_one_collection_take_turns_the_urgent_first() -> None:
    store = MemoryStore()
    add(store, "a", "s3://one/")
    add(store, "b", "s3://one/", "high")
    add(store, "c", "s3://two/", "low")
    add(store, "d", "s3://two/", "low")
    add(store, "e", "s3://three/")
    assert JobQueue(store).next_jobs() == ["b", "e", "c"]
