"""Workers as they show themselves to the broker."""

from headcount.broker.client import Broker
from headcount.broker.presence import WorkerState, from_value
from headcount.contract.stored.workers import WorkerRefusal


def test_a_worker_is_seen_as_it_shows_itself(broker_url: str) -> None:
    broker = Broker(broker_url)
    refusal = WorkerRefusal(worker="b-1", cause="its key is wrong", kind="store")
    shown = [
        WorkerState("a-1", frozenset({"embed", "reduce"})),
        WorkerState("b-1", frozenset({"reduce"}), refusal),
    ]
    for state in shown:
        broker.show_worker(state)
    assert broker.workers() == shown
    assert broker.worker_count() == 2
    assert [state.serves("embed") for state in shown] == [True, False]


def test_a_worker_of_an_older_build_serves_all_queues() -> None:
    old = from_value("w-1", "1764316800")
    assert old == WorkerState("w-1")
    assert old.serves("embed")
