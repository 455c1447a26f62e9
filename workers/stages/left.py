"""The photos that a budget left to the next run, as the job or, of a rematch, the run before it."""

from __future__ import annotations

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import CutRecord, JobSpec, PlanRecord
from headcount.storage import Store


def find_left(store: Store, job_id: str) -> tuple[JobKeys, CutRecord] | None:
    """The cut that a job goes by, and the keys of the job that made it; None where there is none.

    Of a rematch it is that of the last run before it: those photos are not taken in yet.
    """
    seen: set[str] = set()
    while job_id and job_id not in seen:
        seen.add(job_id)
        keys = JobKeys(job_id)
        if cut := find_record(store, keys.cut, CutRecord):
            return keys, cut
        spec = find_record(store, keys.spec, JobSpec)
        plan = find_record(store, keys.plan, PlanRecord)
        job_id = plan.after if spec and spec.rematch and plan else ""
    return None
