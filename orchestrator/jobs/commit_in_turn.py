"""Jobs of one collection are committed in turn, each planned on what the last one left.

Two plans of one collection made at the same time both find the same photos new. The job that comes
second is therefore planned again if no shard of it was begun; else it is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from headcount.collections.photos import collection_id
from headcount.contract.forgotten import require_none_under_way
from headcount.contract.layout import PREPARE, JobKeys, PackKeys, commit_key
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import LastCommitRecord, PackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.sums import record_sums, require_unchanged
from orchestrator.archive.catalogue import rollback_since
from orchestrator.archive.commit import (
    commit_job,
    refuse_if_rolled_back,
    require_staged,
)
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.plan_rematch import plan_rematch

Fence = Callable[[], None]
"""Raises where another supervisor has taken over; called before each write that counts."""


def current_plan(store: Store, spec: JobSpec, s3: S3Settings, fence: Fence) -> PlanRecord:
    """The job's plan, made now if there is none or another job was committed since.

    Raises FatalError if the outdated plan was begun already, since its photos would be taken in
    twice, or if the archive was rolled back since the job was created.
    """
    refuse_if_rolled_back(store, spec)
    require_none_under_way(store)
    last = _completed(store, spec, s3, fence)
    keys = JobKeys(spec.job_id)
    plan = find_record(store, keys.plan, PlanRecord)
    if plan is not None and last in (plan.after, spec.job_id):
        return plan
    if plan is not None and not spec.rematch and _only_rematched(store, last, plan.after):
        fence()
        plan = plan.model_copy(update={"after": last})
        store.put(keys.plan, plan.to_bytes())
        return plan
    if plan is not None and _was_begun(store, keys):
        raise FatalError(
            f"another job has taken in {spec.photos} since job {spec.job_id} was planned: "
            "nothing is missing from the archive, start a new job for what is new"
        )
    prepared = find_record(store, keys.done(PREPARE), DoneMarker)
    if prepared is not None and prepared.pack is not None:
        of_pack = PackKeys(prepared.pack.pack_id)
        require_unchanged(store, [of_pack.photos], s3)
        require_unchanged(store, [of_pack.faces], s3, data=False)
    if plan is not None:  # a cut named shards of that plan
        fence()
        store.delete(keys.cut)
    return plan_rematch(store, spec, s3) if spec.rematch else plan_job(store, spec, s3)


def commit_in_turn(
    store: Store,
    spec: JobSpec,
    plan: PlanRecord,
    pack: PackRecord,
    s3: S3Settings,
    *,
    fence: Fence,
) -> None:
    """Commit the job; before and after, record it as the collection's last one."""
    refuse_if_rolled_back(store, spec)  # before it is recorded: nobody could complete it
    key = commit_key(collection_id(spec.photos or ""))
    staged = require_staged(store, spec, plan, pack, s3)
    require_none_under_way(store)
    fence()
    store.put(key, LastCommitRecord(job_id=spec.job_id, made=False).to_bytes())
    commit_job(store, spec, plan, pack, s3, fence=fence, staged=staged)
    record_sums(store, PackKeys(pack.pack_id), s3)
    store.put(key, LastCommitRecord(job_id=spec.job_id, made=True).to_bytes())


def pack_of(prepared: DoneMarker) -> PackRecord:
    """The model pack that a job's first unit found. Raises FatalError where it left none."""
    if prepared.pack is None:
        raise FatalError("the job's first unit left no model pack: start a new job")
    return prepared.pack


def _completed(store: Store, spec: JobSpec, s3: S3Settings, fence: Fence) -> str:
    """Id of the collection's last committed job; a commit that was cut off is completed first.

    A commit that was cut off and then undone by a rollback is dropped. Empty where there is none.
    """
    key = commit_key(collection_id(spec.photos or ""))
    last = find_record(store, key, LastCommitRecord)
    if last is None:
        return ""
    if not last.made and last.job_id != spec.job_id:
        keys = JobKeys(last.job_id)
        other = read_record(store, keys.spec, JobSpec)
        if rollback_since(store, other):
            fence()
            store.delete(key)
            return ""
        plan = read_record(store, keys.plan, PlanRecord)
        pack = pack_of(read_record(store, keys.done(PREPARE), DoneMarker))
        commit_in_turn(store, other, plan, pack, s3, fence=fence)
    return last.job_id


def _only_rematched(store: Store, last: str, after: str) -> bool:
    """Whether the jobs from ``after`` up to ``last`` are rematches that took in no photo."""
    while last and last != after:
        spec = find_record(store, JobKeys(last).spec, JobSpec)
        plan = find_record(store, JobKeys(last).plan, PlanRecord)
        if spec is None or plan is None or not spec.rematch or plan.shards:
            return False
        last = plan.after
    return last == after


def _was_begun(store: Store, keys: JobKeys) -> bool:
    return next(iter(store.list(f"{keys.attempts_folder}embed-")), None) is not None
