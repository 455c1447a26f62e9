"""Metrics of workers and supervisors for Prometheus: the one door to prometheus_client.

Labels are stages, outcomes, queues and running jobs: never photos, people or shards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headcount.broker.client import QueueState
from headcount.broker.queues import QUEUES
from headcount.contract.record import now
from headcount.contract.stored.jobs import DoneMarker, ProgressRecord
from headcount.contract.vocabulary import Outcome
from headcount.errors import HeadcountError

UNIT_SECONDS = (1, 3, 10, 30, 60, 120, 180, 300, 600, 1800)
UNIT_ENDS = ("done", "failed", "retried", "handed_back")
JOB_ENDS = ("done", "failed", "cancelled", "paused")
SHARD_STAGES = ("fetch", "decode", "detect", "align", "embed", "wait", "write")
"""The stages of a shard. Those of the reduce stage show themselves with its first task."""


@dataclass(frozen=True, slots=True)
class CardMemory:
    """Memory of one GPU, in bytes: of all processes on it."""

    gpu: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Night:
    """A schedule as alerts see it: the next run that is due, and whether the latest one failed."""

    due: datetime | None
    failed: bool


def process_registry() -> CollectorRegistry:
    """A registry with this process's memory, CPU seconds and open files (Linux alone has them)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


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
            "Units of work by kind and end: done, failed, retried, handed_back.",
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
        self._ready = Gauge("headcount_worker_ready", "Whether models are loaded.", registry=new)
        self._begin_with_zero()
        new.register(_Collector(lambda: _of_cards(cards())))

    def _begin_with_zero(self) -> None:
        for outcome in Outcome:
            self._photos.labels(outcome.value)
        for stage in SHARD_STAGES:
            self._stages.labels(stage)
        for kind in QUEUES:
            self._seconds.labels(kind)
            for end in UNIT_ENDS:
                self._units.labels(kind, end)

    def begins(self) -> None:
        """Count a unit that is in hand."""
        self._busy.inc()

    def is_ready(self) -> None:
        """Record that the models are loaded."""
        self._ready.set(1)

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
        workers: Callable[[], int],
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
        self.registry.register(_Collector(self._collect))

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
        """The state of each queue. Raises TransientError."""
        return self._queues()

    def workers(self) -> int:
        """The number of workers seen. Raises TransientError."""
        return self._workers()

    def _collect(self) -> Iterator[Metric]:
        yield from _of_broker(self)
        yield from _of_archive(self)
        yield from _of_jobs(self.jobs)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class BeatMetrics:
    """The metrics of a beat."""

    def __init__(self, ticked: Callable[[], float | None]) -> None:
        self._ticked = ticked
        self.registry = process_registry()
        self.registry.register(_Collector(self._collect))

    def _collect(self) -> Iterator[Metric]:
        ticked = GaugeMetricFamily(
            "headcount_beat_ticked_timestamp_seconds",
            "When beat last looked for what is due; none in reserve.",
        )
        if (moment := self._ticked()) is not None:
            ticked.add_metric([], moment)
        yield ticked

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Collector(Collector):
    """Metrics that are read at the moment they are asked for."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def describe(self) -> Iterable[Metric]:
        """Nothing: the collector reads only when it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        return self._collect()


def _of_cards(cards: Iterable[CardMemory]) -> Iterator[Metric]:
    used = GaugeMetricFamily(
        "headcount_gpu_memory_used_bytes", "Memory in use on a GPU.", labels=["gpu"]
    )
    total = GaugeMetricFamily("headcount_gpu_memory_bytes", "Memory of a GPU.", labels=["gpu"])
    for card in cards:
        used.add_metric([card.gpu], card.used)
        total.add_metric([card.gpu], card.total)
    yield used
    yield total


def _of_archive(board: Board) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "headcount_store_away_seconds",
        "Seconds since the archive's store was asked and has not answered; 0: it answers.",
        value=board.store_away_seconds,
    )
    failed = board.last_failed
    yield GaugeMetricFamily(
        "headcount_last_failed_timestamp_seconds",
        "When the last job failed, as the archive has it; 0: none has.",
        value=failed.timestamp() if failed else 0,
    )
    due = GaugeMetricFamily(
        "headcount_night_due_timestamp_seconds",
        "When the next run of a schedule is due that has not begun.",
        labels=["schedule"],
    )
    state = GaugeMetricFamily(
        "headcount_night_failed", "Whether a schedule's latest run failed.", labels=["schedule"]
    )
    for schedule, night in board.nights.items():
        if night.due is not None:
            due.add_metric([schedule], night.due.timestamp())
        state.add_metric([schedule], night.failed)
    yield due
    yield state


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
        "headcount_workers", "Workers that show themselves to the broker.", value=workers
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
