from pathlib import Path

import pytest

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, SuspectRecord
from headcount.errors import FatalError
from headcount.jobs import attempts, control
from headcount.settings import Settings
from headcount.storage.memory import MemoryStore
from orchestrator.archive.catalogue import unfinished_jobs
from orchestrator.jobs.submit import make_spec


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def job(store: MemoryStore, tmp_path: Path) -> JobSpec:
    spec = make_spec(
        photos=str(tmp_path), people=None, archive="s3://a/", out=None, settings=Settings()
    )
    store.put(JobKeys(spec.job_id).spec, spec.to_bytes())
    return spec


def test_a_paused_job_stands_still_until_it_is_let_go_on(store: MemoryStore, job: JobSpec) -> None:
    control.raise_if_stopped(store, job.job_id)
    control.stop(store, job.job_id, "paused")
    assert unfinished_jobs(store) == []
    with pytest.raises(control.JobStopped, match=f"paused: `headcount resume {job.job_id}`"):
        control.raise_if_stopped(store, job.job_id)
    control.let_go_on(store, job.job_id)
    control.raise_if_stopped(store, job.job_id)
    assert unfinished_jobs(store) == [job.job_id]


def test_a_cancelled_job_has_an_end_which_resuming_takes_back(
    store: MemoryStore, job: JobSpec
) -> None:
    finished = JobKeys(job.job_id).finished
    control.stop(store, job.job_id, "cancelled")
    ended = find_record(store, finished, FinishedRecord)
    assert ended is not None
    assert ended.state == "cancelled"
    control.let_go_on(store, job.job_id)
    assert find_record(store, finished, FinishedRecord) is None
    assert unfinished_jobs(store) == [job.job_id]


def test_a_job_that_is_done_can_neither_be_cancelled_nor_made_undone(
    store: MemoryStore, job: JobSpec
) -> None:
    finished = JobKeys(job.job_id).finished
    record = FinishedRecord(job_id=job.job_id, state="done", finished=now(), out=job.out)
    store.put(finished, record.to_bytes())
    with pytest.raises(FatalError, match="has ended already: done"):
        control.stop(store, job.job_id, "cancelled")
    control.let_go_on(store, job.job_id)
    assert find_record(store, finished, FinishedRecord) == record


def test_an_attempt_that_was_withdrawn_convicts_nobody(store: MemoryStore) -> None:
    keys, unit = JobKeys("job"), "embed-0000000"
    numbers = [attempts.claim(store, keys, unit, "w") for _ in range(4)]
    for number in numbers[2:]:
        store.put(keys.suspect(unit, number), SuspectRecord(photo="a.jpg").to_bytes())
    attempts.discard(store, keys, unit, 4)
    assert attempts.count(store, keys, unit) == 3
    assert attempts.convicted(store, keys, unit, 4) == frozenset()
