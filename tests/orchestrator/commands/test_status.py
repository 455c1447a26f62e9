"""`headcount status`: workers that cannot work, while their job is not done."""

from pathlib import Path

from headcount.contract.layout import JobKeys
from headcount.contract.record import now
from headcount.contract.stored.jobs import ProgressRecord
from headcount.contract.stored.workers import WorkerRefusal
from headcount.settings import Settings
from headcount.storage.memory import MemoryStore
from orchestrator.commands.status import lines_of, read_status
from orchestrator.jobs.submit import make_spec


def test_a_worker_that_cannot_work_is_named_with_its_cause(tmp_path: Path) -> None:
    store, keys = MemoryStore(), JobKeys("j1")
    spec = make_spec(
        photos=str(tmp_path), people=None, archive=str(tmp_path), out="out", settings=Settings()
    )
    store.put(keys.spec, spec.model_copy(update={"job_id": "j1"}).to_bytes())
    refusal = WorkerRefusal(worker="gpu-3", cause="its key is wrong", kind="store")
    progress = ProgressRecord(job_id="j1", stage="prepare", updated=now(), refusals=(refusal,))
    store.put(keys.progress, progress.to_bytes())
    status = read_status(store, "j1")
    assert status["progress"]["refusals"] == [refusal.model_dump()]
    assert "the worker gpu-3 cannot work: its key is wrong" in lines_of(status)
    status["finished"] = {"message": "done", "left": 0, "failures": 0} | dict.fromkeys(
        ("older_reading", "expected"), None
    )
    assert not any("cannot work" in line for line in lines_of(status))
