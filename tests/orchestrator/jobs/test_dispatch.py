"""Dispatch: the window, units of an earlier supervisor, lost and released units, outages."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from headcount.broker.client import REFUSED, RELEASED
from headcount.broker.presence import WorkerState
from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.messages import UnitMessage
from headcount.contract.record import find_record as find
from headcount.contract.record import now
from headcount.contract.stored.jobs import (
    CutRecord,
    DoneMarker,
    FailedMarker,
    JobSpec,
    ManifestPhoto,
    PlanRecord,
    ProgressRecord,
    ShardManifest,
)
from headcount.errors import FatalError, TransientError
from headcount.jobs import attempts
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage.memory import MemoryStore
from orchestrator.jobs import dispatch, flights
from orchestrator.jobs.budget import Budget
from orchestrator.jobs.dispatch import OUTAGE_SECONDS, Outage
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.jobs.window import Window
from tests.orchestrator.warned import Warned

KEYS = JobKeys("job")
UNITS = [shard_name(number) for number in range(5)]
FAILED = FailedMarker(unit=UNITS[0], message="no")


class Workers:
    """A broker and its workers: of the units that it was sent one is done at each look.

    Units in ``lost`` are sent in vain that often; those in ``released`` are handed back once; those
    in ``refusing`` are refused by a worker, in a round, one after the other.
    """

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.sent: list[str] = []
        self.most = 0
        self.lost: dict[str, int] = {}
        self.released: set[str] = set()
        self.refusing: dict[str, list[tuple[str, int]]] = {}
        self.live = [WorkerState("good")]
        self.queued: set[str] = set()
        self.in_hand: list[str] = []
        self.count = 1
        self.looks = 0
        self.down = 0

    def send(self, message: UnitMessage) -> None:
        if self.down:
            self.down -= 1
            raise TransientError("the broker is gone")
        unit = message.unit
        self.sent.append(unit)
        if self.lost.get(unit, 0):
            self.lost[unit] -= 1
            attempts.claim(self.store, KEYS, unit, "w")
        else:
            self.in_hand.append(unit)
        self.most = max(self.most, len(self.in_hand))

    def heartbeats(self, job_id: str, units: Iterable[str]) -> dict[str, dict[str, Any]]:
        asked = [unit for unit in units if unit in self.in_hand]
        if not asked:
            return {}
        self.looks += 1  # each beat has a number of its own: none is silent, however slow we are
        told = {unit: {"state": "working", "beats": self.looks} for unit in asked}
        if asked[0] in self.released:
            self.released.remove(asked[0])
            self.in_hand.remove(asked[0])
            return {**told, asked[0]: {"state": RELEASED}}
        if left := self.refusing.get(asked[0]):
            worker, number = left.pop(0)
            self.in_hand.remove(asked[0])
            refused = {"state": REFUSED, "worker": worker, "round": number, "cause": "a wrong key"}
            return {**told, asked[0]: refused | {"number": self.looks}}
        if asked[0] not in self.sent:  # an earlier supervisor's
            return told
        self.finish(asked[0])
        return {**told, asked[0]: {"state": "done"}}

    def finish(self, unit: str) -> None:
        self.in_hand.remove(unit)
        marker = DoneMarker(unit=unit, attempt=1, worker="w", seconds=1, photos=10)
        self.store.put(KEYS.done(unit), marker.to_bytes())

    def forget_heartbeats(self, job_id: str, units: Iterable[str]) -> None:
        pass

    def waiting(self, job_id: str) -> set[str]:
        return set(self.queued)

    def take_back(self, job_id: str) -> set[str]:
        taken, self.queued = set(self.queued), set()
        return taken

    def worker_count(self) -> int:
        return self.count

    def workers(self) -> list[WorkerState]:
        return self.live


class Job:
    """A job of which only the dispatcher is used."""

    def __init__(self, **settings: Any) -> None:
        self.store = MemoryStore()
        self.workers = Workers(self.store)
        self.reporter = Warned()
        self.window = Window(2)
        self.at_tick: Callable[[], None] = lambda: None
        self.supervisor = Supervisor(
            self.store,
            "job",
            broker=self.workers,  # type: ignore[arg-type]
            settings=Settings(poll_seconds=0.001, lost_seconds=0.01, **settings),
            s3=S3Settings(),
            reporter=self.reporter,
            window=self.window,
            tick=self.tick,
        )

    def tick(self) -> None:
        self.at_tick()

    def drive(self, units: Iterable[str] = UNITS) -> None:
        with self.window.shared_by("job", "normal"):
            self.supervisor.dispatcher.drive(units)

    def drive_until(self, ends: datetime) -> CutRecord | None:
        """Drive a plan of UNITS, ten photos each, that is to end then; its cut."""
        spec = JobSpec.model_construct(until="06:00", worker_hours=None)
        plan = PlanRecord.model_construct(planned_photos=50, shards=5)
        for unit in UNITS:
            photos = tuple(ManifestPhoto(key=f"{unit}-{n}", etag="", size=1) for n in range(10))
            manifest = ShardManifest(unit=unit, photos=photos)
            self.store.put(KEYS.shard(unit), manifest.to_bytes())
        with self.window.shared_by("job", "normal"):
            self.supervisor.dispatcher.drive(UNITS, plan, Budget(spec, ends))
        return find(self.store, KEYS.cut, CutRecord)

    def snapshot(self) -> ProgressRecord:
        record = find(self.store, KEYS.progress, ProgressRecord)
        assert record
        return record


@pytest.fixture
def job() -> Job:
    return Job()


@contextmanager
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pauses and hints without their seconds."""
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "RETRY_SECONDS", 0.001)
        patch.setattr(dispatch, "IDLE_HINT_SECONDS", -1.0)
        yield


def test_every_unit_is_sent_once_and_never_more_at_once_than_the_window(job: Job) -> None:
    job.drive()
    assert job.workers.sent == UNITS
    assert job.workers.most == 2
    shown = job.snapshot()
    assert (shown.shards_done, shown.photos_done, shown.shards_in_flight) == (5, 50, 0)


def test_units_that_workers_have_from_an_earlier_supervisor_are_not_sent_again(job: Job) -> None:
    job.workers.in_hand, job.workers.queued = [UNITS[0]], {UNITS[1]}

    def finish() -> None:
        if UNITS[0] in job.workers.in_hand:
            job.workers.finish(UNITS[0])
            job.workers.in_hand.append(UNITS[1])
            job.workers.finish(UNITS[1])

    job.at_tick = finish
    job.drive()
    assert job.workers.sent == UNITS[2:]


def test_a_lost_unit_is_sent_again_and_counted(job: Job) -> None:
    job.workers.lost = {UNITS[3]: 2}
    job.drive()
    assert job.workers.sent.count(UNITS[3]) == 3
    assert job.snapshot().resent == 2
    assert (
        job.reporter.said == [f"{UNITS[3]} was lost before a worker had it; sending it again"] * 2
    )


def test_a_unit_that_is_lost_too_often_ends_the_job() -> None:
    job = Job(max_attempts=2)
    job.workers.lost = {UNITS[0]: 9}
    with pytest.raises(FatalError, match="was tried 2 times and never finished"):
        job.drive()
    assert job.workers.sent.count(UNITS[0]) == 2


def test_a_released_unit_is_sent_again_without_being_counted_as_lost(job: Job) -> None:
    job.workers.released = {UNITS[1]}
    job.drive()
    assert job.workers.sent.count(UNITS[1]) == 2
    assert (job.snapshot().resent, job.reporter.said) == (0, [])


def test_a_released_unit_that_waited_long_before_is_sent_again_at_once(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "MARKER_CHECK_SECONDS", 0.0)
    job.workers.released = {UNITS[1]}
    job.drive()
    assert (job.workers.sent.count(UNITS[1]), job.snapshot().resent) == (2, 0)


def test_a_refused_unit_is_sent_again_at_once_and_its_worker_named_once(job: Job) -> None:
    job.workers.live = [WorkerState("good"), WorkerState("bad")]
    job.workers.refusing = {unit: [("bad", 1)] for unit in UNITS[:3]}
    job.drive()
    assert [job.workers.sent.count(unit) for unit in UNITS] == [2, 2, 2, 1, 1]
    assert job.reporter.said == [
        "the worker bad cannot work: a wrong key; its units go to other workers"
    ]
    shown = job.snapshot()
    assert shown.resent == 0
    assert [(r.worker, r.cause) for r in shown.refusals] == [("bad", "a wrong key")]


def test_a_job_ends_with_the_cause_once_every_live_worker_has_refused_twice(job: Job) -> None:
    job.workers.live = [WorkerState("a"), WorkerState("b"), WorkerState("c", frozenset({"reduce"}))]
    job.workers.refusing = {UNITS[0]: [("a", 1), ("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]}
    with pytest.raises(FatalError, match=f"no live worker can do {UNITS[0]} .*: a wrong key"):
        job.drive()
    assert job.workers.sent.count(UNITS[0]) == 5
    assert job.workers.refusing[UNITS[0]] == [("b", 3)]


def test_a_unit_that_waits_in_its_queue_is_not_lost_and_a_missing_worker_is_told_once(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.workers.queued, job.workers.count = {UNITS[0]}, 0

    def work() -> None:
        if job.reporter.said and UNITS[0] not in job.workers.in_hand and job.workers.queued:
            job.workers.queued = set()
            job.workers.in_hand.append(UNITS[0])
            job.workers.finish(UNITS[0])

    job.at_tick = work
    with soon(monkeypatch):
        job.drive(UNITS[:1])
    assert job.workers.sent == []
    assert [text.startswith("work is waiting and no worker") for text in job.reporter.said] == [
        True
    ]


def test_a_unit_that_failed_for_good_ends_the_job_with_its_reason(job: Job) -> None:
    job.workers.lost = {UNITS[0]: 9}

    job.at_tick = lambda: job.store.put(KEYS.failed(UNITS[0]), FAILED.to_bytes())
    with pytest.raises(FatalError, match=r"^no$"):
        job.drive()


def test_a_job_that_is_run_again_tries_again_what_had_failed(job: Job) -> None:
    job.store.put(KEYS.failed(UNITS[0]), FAILED.to_bytes())
    job.workers.lost = {UNITS[0]: 1}
    job.drive()
    assert job.workers.sent.count(UNITS[0]) == 2
    assert find(job.store, KEYS.failed(UNITS[0]), FailedMarker) is None


def test_what_could_not_be_sent_is_sent_when_the_broker_is_back(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.workers.down = 2
    with soon(monkeypatch):
        job.drive()
    assert sorted(job.workers.sent) == UNITS
    assert job.reporter.said.count("the broker is gone; trying again") == 2


def test_shards_that_wait_in_their_queue_when_the_time_is_reached_are_taken_back(job: Job) -> None:
    job.workers.in_hand, job.workers.queued = [UNITS[0]], {UNITS[1]}  # an earlier supervisor's

    def finish() -> None:
        if UNITS[0] in job.workers.in_hand and find(job.store, KEYS.cut, CutRecord):
            job.workers.finish(UNITS[0])

    job.at_tick = finish
    cut = job.drive_until(now())
    assert cut and (cut.units, cut.photos) == (tuple(UNITS[1:]), 40)
    assert job.workers.sent == []
    shown = job.snapshot()
    assert (shown.photos_total, shown.photos_done, shown.shards_total) == (10, 10, 1)
    assert job.reporter.said == ["--until 06:00 is reached: 40 photos left to the next job"]


def test_the_cut_is_tried_again_when_the_archive_is_back(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.workers.queued = {UNITS[0]}
    put_new, down = job.store.put_new, [1, 1]

    def flaky(key: str, data: bytes) -> bool:
        if key == KEYS.cut and down:
            down.pop()
            raise TransientError("the archive is gone")
        return put_new(key, data)

    monkeypatch.setattr(job.store, "put_new", flaky)
    with soon(monkeypatch):
        cut = job.drive_until(now())
    assert cut and (cut.units, cut.photos) == (tuple(UNITS), 50)
    assert job.workers.sent == []


def test_a_job_that_has_time_is_not_cut(job: Job) -> None:
    assert job.drive_until(now() + timedelta(hours=1)) is None
    assert job.workers.sent == UNITS


def test_an_outage_ends_the_job_only_when_it_lasts_too_long_without_a_break() -> None:
    outage, error = Outage(), TransientError("gone")
    outage.bear(error, 1000.0)
    outage.bear(error, 1000.0 + OUTAGE_SECONDS)
    outage.end()
    outage.bear(error, 2000.0)
    with pytest.raises(FatalError, match="unreachable for 5 minutes"):
        outage.bear(error, 2001.0 + OUTAGE_SECONDS)
