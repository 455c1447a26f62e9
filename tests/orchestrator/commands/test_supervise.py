"""What a supervisor's looks at the archive tell its metrics."""

from pathlib import Path

import pytest

from headcount.broker.client import Broker
from headcount.contract.layout import JobKeys
from headcount.contract.record import now
from headcount.contract.stored.jobs import FinishedRecord
from headcount.errors import TransientError
from headcount.storage.memory import MemoryStore
from orchestrator.archive.catalogue import JobQueue
from orchestrator.commands.supervise import look_at_schedules, look_for_jobs
from orchestrator.console.metrics import Watch
from tests.orchestrator.archive.test_catalogue import add
from tests.orchestrator.schedules.test_nights import FIRST
from tests.orchestrator.schedules.test_schedule import DAY, Nightly


@pytest.fixture
def watch(broker_url: str) -> Watch:
    return Watch(Broker(broker_url))


def test_a_job_that_failed_before_the_start_is_in_the_metrics_after_the_first_look(
    watch: Watch,
) -> None:
    store, end = MemoryStore(), now()
    add(store, "a")
    record = FinishedRecord(job_id="a", state="failed", finished=end, out="x")
    store.put(JobKeys("a").finished, record.to_bytes())
    assert look_for_jobs(JobQueue(store), watch) == []
    assert watch.metrics.last_failed == end


def test_a_store_that_does_not_answer_is_away_until_it_does(watch: Watch) -> None:
    store = MemoryStore()
    add(store, "a")
    store.fail(JobKeys("a").spec)
    with pytest.raises(TransientError):
        look_for_jobs(JobQueue(store), watch)
    assert watch.metrics.store_away_seconds > 0
    look_for_jobs(JobQueue(MemoryStore()), watch)
    assert watch.metrics.store_away_seconds == 0


def test_nights_are_in_the_metrics_once_begun_and_also_where_a_look_fails(
    watch: Watch, tmp_path: Path
) -> None:
    nightly = Nightly(tmp_path)
    nightly.moment = FIRST
    look_at_schedules(nightly.scheduler(), watch)
    assert watch.metrics.nights["home"].due == FIRST + DAY
    nightly.end("failed")
    broken = nightly.scheduler()

    def fail() -> list[object]:
        raise TransientError("the hook hangs")

    broken.look = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(TransientError):
        look_at_schedules(broken, watch)
    assert watch.metrics.nights["home"].failed
