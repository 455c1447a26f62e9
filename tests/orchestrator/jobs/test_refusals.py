"""Refusals of one job: who stands by one, who works again, and when none is left."""

from typing import Any

from headcount.broker.presence import WorkerState
from orchestrator.jobs.refusals import Refusals

LIVE = [WorkerState("a"), WorkerState("b")]


def refusal(worker: str, round_: int, cause: str = "no key") -> dict[str, Any]:
    return {"worker": worker, "round": round_, "cause": cause, "state": "refused", "number": 1}


def test_a_refusal_is_new_where_its_worker_or_cause_is() -> None:
    refusals = Refusals()
    assert refusals.add(refusal("a", 1)) is not None
    assert refusals.add(refusal("a", 2)) is None
    assert refusals.add(refusal("a", 3, "no pack")) is not None
    assert [r.cause for r in refusals.standing] == ["no pack"]


def test_all_have_refused_where_each_did_twice_after_a_pause() -> None:
    refusals = Refusals()
    for worker, round_ in (("a", 1), ("a", 1), ("b", 1), ("b", 2)):
        refusals.add(refusal(worker, round_))
    assert refusals.by_all(LIVE) is None
    refusals.add(refusal("a", 2))
    last = refusals.by_all(LIVE)
    assert last is not None
    assert last.worker == "a"
    assert refusals.by_all([*LIVE, WorkerState("c")]) is None
    assert refusals.by_all([]) is None


def test_a_worker_that_gets_on_or_is_gone_refuses_no_more() -> None:
    refusals = Refusals()
    for worker in "abc":
        refusals.add(refusal(worker, 1))
    refusals.hear({"worker": "a", "state": "working", "photos": 0})
    assert [r.worker for r in refusals.standing] == ["a", "b", "c"]
    refusals.hear({"worker": "a", "state": "working", "photos": 1})
    refusals.hear({"worker": "b", "state": "done"})
    refusals.keep(["a", "b"])
    assert refusals.standing == ()
