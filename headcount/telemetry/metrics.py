"""Metrics of workers and supervisors for Prometheus; with its collectors the door to its client.

Labels are stages, outcomes, causes, queues and running jobs: never photos, people or shards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from headcount.broker.client import QueueState
from headcount.broker.envelopes import FOREIGN
from headcount.broker.presence import WorkerState
from headcount.broker.queues import QUEUES
from headcount.contract.record import now
from headcount.contract.stored.jobs import DoneMarker, ProgressRecord
from headcount.contract.stored.workers import CAUSES
from headcount.contract.vocabulary import Outcome
from headcount.errors import HeadcountError
from headcount.telemetry.collectors import (
    CardMemory,
    Night,
    OnDemand,
    of_archive,
    of_cards,
    process_registry,
)

ENDS = ("done", "failed", "refused", "retried", "handed_back")
"""Ends of a unit of work."""
UNIT_SECONDS = (1, 3, 10, 30, 60, 120, 180, 300, 600, 1800)
JOB_ENDS = ("done", "failed", "cancelled", "paused")
SHARD_STAGES = ("fetch", "decode", "detect", "align", "embed", "wait", "write")
"""The stages of a shard. Those of the reduce stage show themselves with its first task."""


class WorkerMetrics:
    """The metrics of one worker process since it started.

    A counter is there with 0 from the start: Prometheus sees no increase in one that is born with
    its first value.
    """

    def __init__(self, cards: Callable[[], Iterable[CardMemory]] = tuple) -> None:
        new = self.registry = process_registry()
        self._photos = Counter("headcount_photos", "Photos done.", ["outcome"], registry=new)
        self._faces = Counter("headcount_faces", "Faces found.", registry=new)
        self._bytes = Counter("headcount_photo_bytes", "Bytes of photos done.", registry=new)
        self._stages = Counter(
            "headcount_stage_seconds",
            "Seconds spent by stage, summed over the threads of the worker.",
            ["stage"],
            registry=new,
        )
        self._units = Counter(
            "headcount_units",
            "Units of work by kind and end: done, failed, refused, retried, handed_back.",
            ["unit", "end"],
            registry=new,
        )
        self._seconds = Histogram(
            "headcount_unit_seconds",
            "Seconds that a unit of work took.",
            ["unit"],
            buckets=UNIT_SECONDS,
            registry=new,
        )
        self._busy = Gauge("headcount_worker_busy", "Units in hand.", registry=new)
        self._ready = Gauge(
            "headcount_worker_ready",
            "Whether models are loaded and the last unit was not refused.",
            registry=new,
        )
        self._refusals = Counter(
            "headcount_refusals",
            "Units that this worker refused, by cause: another worker may do them.",
            ["cause"],
            registry=new,
        )
        self._foreign = Counter(
            "headcount_foreign_messages",
            "Messages in the queues that are not headcount's, set aside.",
            ["kind"],
            registry=new,
        )
        self._begin_with_zero()
        new.register(OnDemand(lambda: of_cards(cards())))

    def _begin_with_zero(self) -> None:
        """Make every series that is known: a rate sees the first count of those that exist."""
        for cause in CAUSES:
            self._refusals.labels(cause)
        for foreign in FOREIGN:
            self._foreign.labels(foreign)
        for kind in QUEUES:
            self._seconds.labels(kind)
            for end in ENDS:
                self._units.labels(kind, end)
        for outcome in Outcome:
            self._photos.labels(outcome.value)
        for stage in SHARD_STAGES:
            self._stages.labels(stage)

    def begins(self) -> None:
        """Count a unit that is in hand."""
        self._busy.inc()

    def is_ready(self, ready: bool) -> None:
        """Record whether units can be done."""
        self._ready.set(ready)

    def refused(self, cause: str) -> None:
        """Count a unit that was refused."""
        self._refusals.labels(cause).inc()

    def foreign(self, kind: str) -> None:
        """Count a message that is not headcount's."""
        self._foreign.labels(kind).inc()

    def done(self, kind: str, marker: DoneMarker) -> None:
        """Count a unit that is done. Photos and faces are those of shards."""
        self.ends(kind, "done")
        self._seconds.labels(kind).observe(marker.seconds)
        for stage, seconds in marker.stages.items():
            self._stages.labels(stage).inc(seconds)
        if kind == "embed":
            self._faces.inc(marker.faces)
            self._bytes.inc(marker.bytes)
            for outcome, number in marker.outcomes.items():
                self._photos.labels(outcome).inc(number)

    def ends(self, kind: str, end: str) -> None:
        """Count a unit that is no longer in hand."""
        self._busy.dec()
        self._units.labels(kind, end).inc()

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class Board:
    """The metrics of a supervisor's jobs and broker, read when they are asked for."""

    def __init__(
        self,
        queues: Callable[[], dict[str, QueueState]],
        workers: Callable[[], list[WorkerState]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queues = queues
        self._workers = workers
        self._clock = clock
        self._jobs: dict[str, ProgressRecord] = {}
        self._asked_store: float | None = None
        self.last_failed: datetime | None = None
        self.nights: Mapping[str, Night] = {}
        self._lock = threading.Lock()
        self.registry = process_registry()
        self._ended = Counter(
            "headcount_jobs",
            "Jobs by their end: done, failed, cancelled, paused.",
            ["end"],
            registry=self.registry,
        )
        for end in JOB_ENDS:
            self._ended.labels(end)
        self.registry.register(OnDemand(self._collect))

    def progress(self, snapshot: ProgressRecord) -> None:
        """Keep a job's latest snapshot."""
        with self._lock:
            self._jobs[snapshot.job_id] = snapshot

    def end(self, job_id: str, end: str) -> None:
        """Drop the gauges of a job that is no longer driven."""
        with self._lock:
            self._jobs.pop(job_id, None)
        if end == "failed":
            self.last_failed = now()
        self._ended.labels(end).inc()

    @contextmanager
    def asking_store(self) -> Iterator[None]:
        """Time the store while it is asked: it is away from the first question without answer."""
        if self._asked_store is None:
            self._asked_store = self._clock()
        yield
        self._asked_store = None

    @property
    def store_away_seconds(self) -> float:
        """Seconds since the store was asked and has not answered; 0 where it has."""
        asked = self._asked_store
        return 0.0 if asked is None else self._clock() - asked

    @property
    def jobs(self) -> list[ProgressRecord]:
        """The jobs that are being driven."""
        with self._lock:
            return list(self._jobs.values())

    def queues(self) -> dict[str, QueueState]:
        """The state of each queue, with units in flight. Raises TransientError."""
        states = self._queues()
        flights = dict.fromkeys(states, 0)
        for job in self.jobs:
            if (queue := QUEUES.get(job.stage)) in flights:
                flights[queue] += job.shards_in_flight
        return {name: state.with_flights(flights[name]) for name, state in states.items()}

    def workers(self) -> list[WorkerState]:
        """The workers seen. Raises TransientError."""
        return self._workers()

    def _collect(self) -> Iterator[Metric]:
        yield from _of_broker(self)
        yield from of_archive(self.store_away_seconds, self.last_failed, self.nights)
        yield from _of_jobs(self.jobs)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


def _of_broker(board: Board) -> Iterator[Metric]:
    up = GaugeMetricFamily("headcount_broker_up", "Whether the broker answers.")
    try:
        queues, workers = board.queues(), board.workers()
    except HeadcountError:
        up.add_metric([], 0)
        yield up
        return
    up.add_metric([], 1)
    yield up
    yield GaugeMetricFamily(
        "headcount_workers", "Workers that show themselves to the broker.", value=len(workers)
    )
    yield GaugeMetricFamily(
        "headcount_workers_refusing",
        "Workers that refused their last unit: they cannot work.",
        value=sum(worker.refusal is not None for worker in workers),
    )
    units = GaugeMetricFamily(
        "headcount_queue_units", "Units of work, waiting or in hand.", labels=["queue", "state"]
    )
    age = GaugeMetricFamily(
        "headcount_queue_oldest_seconds", "How long the oldest unit has waited.", labels=["queue"]
    )
    for name, state in queues.items():
        units.add_metric([name, "waiting"], state.waiting)
        units.add_metric([name, "in_hand"], state.in_hand)
        age.add_metric([name], state.oldest_seconds)
    yield units
    yield age


def _of_jobs(jobs: list[ProgressRecord]) -> Iterator[Metric]:
    def gauge(name: str, text: str, value: Callable[[ProgressRecord], float | None]) -> Metric:
        family = GaugeMetricFamily(f"headcount_job_{name}", text, labels=["job_id"])
        for job in jobs:
            if (number := value(job)) is not None:
                family.add_metric([job.job_id], number)
        return family

    yield gauge("photos", "Photos that the job is to do.", lambda job: job.photos_total)
    yield gauge("photos_done", "Photos that the job has done.", lambda job: job.photos_done)
    yield gauge("faces", "Faces that the job has found.", lambda job: job.faces)
    yield gauge("shards", "Shards of the job.", lambda job: job.shards_total)
    yield gauge("shards_done", "Shards done.", lambda job: job.shards_done)
    yield gauge("shards_in_flight", "Shards in flight.", lambda job: job.shards_in_flight)
    yield gauge("resent", "Units sent again: lost with worker or broker.", lambda job: job.resent)
    yield gauge("lost_in_hand", "Of those, units a worker had.", lambda job: job.lost_in_hand)
    yield gauge("photos_per_second", "The job's rate.", lambda job: job.photos_per_second)
    yield gauge("seconds_left", "Time to the job's end.", lambda job: job.seconds_left)
    outcomes = GaugeMetricFamily(
        "headcount_job_outcomes", "Photos of the job by outcome.", labels=["job_id", "outcome"]
    )
    for job in jobs:
        for outcome, number in job.outcomes.items():
            outcomes.add_metric([job.job_id, outcome], number)
    yield outcomes
