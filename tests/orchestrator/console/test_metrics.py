"""The supervisor's endpoint: alive while it moves, and the work that workers are scaled by."""

import json

from headcount.broker.client import Broker
from headcount.contract.messages import UnitMessage
from headcount.contract.record import now
from headcount.contract.stored.jobs import ProgressRecord
from orchestrator.console.metrics import STILL_SECONDS, TICK_SECONDS, BeatWatch, Measured, Watch
from orchestrator.jobs.progress import Silent


def snapshot(stage: str) -> ProgressRecord:
    return ProgressRecord(job_id="j1", stage=stage, updated=now())


def test_a_supervisor_that_stands_still_is_not_alive_unless_its_stage_is_one_long_step(
    broker_url: str,
) -> None:
    moment = [0.0]
    watch = Watch(Broker(broker_url), clock=lambda: moment[0])
    reporter = Measured(Silent(), watch)
    reporter.progress(snapshot("embed"))
    assert watch.alive().status == 200
    moment[0] += STILL_SECONDS + 1
    assert watch.alive().status == 503
    reporter.progress(snapshot("plan"))
    moment[0] += STILL_SECONDS + 1
    assert watch.alive().status == 200


def test_the_work_of_a_queue_is_what_waits_and_what_is_in_hand(broker_url: str) -> None:
    broker = Broker(broker_url)
    for number in range(3):
        broker.send(UnitMessage(archive="file:///a/", job_id="j1", unit=f"embed-{number:07d}"))
    page = Watch(broker).pages()["/queues/embed"]()
    assert json.loads(page.body) == {"work": 3, "waiting": 3}
    state = broker.queue_states()["embed"]
    assert 0 <= state.oldest_seconds < 60
    assert broker.queue_states()["reduce"].waiting == 0


def test_a_beat_is_alive_in_reserve_and_while_it_looks_for_what_is_due() -> None:
    moment, ticks = [1000.0], [None, 1000.0, 1000.0]
    watch = BeatWatch(lambda: ticks[0], clock=lambda: moment[0])
    assert watch.alive().status == 200
    ticks.pop(0)
    moment[0] += TICK_SECONDS - 1
    assert watch.alive().status == 200
    moment[0] += 2
    assert watch.alive().status == 503
