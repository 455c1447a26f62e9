from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import now
from headcount.contract.stored.jobs import CutRecord, PlanRecord
from headcount.settings import Settings
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.submit import make_spec
from workers.stages.left import find_left


class Jobs(MemoryStore):
    """An archive with jobs, each planned after another one."""

    def add(self, job_id: str, after: str, *, rematch: bool, cut: bool = False) -> None:
        spec = make_spec(
            photos="/photos", people=None, archive="/archive", out=None, settings=Settings()
        ).model_copy(update={"job_id": job_id, "rematch": "p" if rematch else None})
        plan = PlanRecord.model_validate(
            dict.fromkeys(PlanRecord.model_fields, 0)
            | {"version": 1, "other_suffixes": {}, "left_out": {}, "after": after}
        )
        keys = JobKeys(job_id)
        self.put(keys.spec, spec.to_bytes())
        self.put(keys.plan, plan.to_bytes())
        if cut:
            left = CutRecord(at=now(), reason="late", units=(shard_name(1),), photos=7)
            self.put(keys.cut, left.to_bytes())

    def left(self, job_id: str) -> tuple[str, int] | None:
        found = find_left(self, job_id)
        return found and (found[0].job_id, found[1].photos)


def test_a_rematch_leaves_what_the_run_before_it_left_and_a_run_what_it_left_itself() -> None:
    jobs = Jobs()
    jobs.add("a", "", rematch=False, cut=True)
    jobs.add("b", "a", rematch=True)
    jobs.add("c", "b", rematch=True)
    jobs.add("d", "c", rematch=False)
    jobs.add("e", "d", rematch=True)
    assert jobs.left("a") == jobs.left("b") == jobs.left("c") == ("a", 7)
    assert jobs.left("d") is jobs.left("e") is None


def test_a_rematch_that_follows_itself_or_a_job_that_is_gone_leaves_nothing() -> None:
    jobs = Jobs()
    jobs.add("a", "a", rematch=True)
    jobs.add("b", "pruned", rematch=True)
    assert jobs.left("a") is jobs.left("b") is None
