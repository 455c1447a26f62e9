"""Metrics of workers and supervisors for Prometheus: the one door to prometheus_client.

Labels are stages, outcomes, queues and running jobs: never photos, people or shards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headcount.broker.client import QueueState
from headcount.contract.stored.jobs import DoneMarker, ProgressRecord
from headcount.errors import HeadcountError

UNIT_SECONDS = (1, 3, 10, 30, 60, 120, 180, 300, 600, 1800)


class WorkerMetrics:
    """The metrics of one worker process since it started."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        new = self.registry
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
            "Units of work by kind and end: done, failed, retried.",
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
        self, queues: Callable[[], dict[str, QueueState]], workers: Callable[[], int]
    ) -> None:
        self._queues = queues
        self._workers = workers
        self._jobs: dict[str, ProgressRecord] = {}
        self._lock = threading.Lock()
        self.registry = CollectorRegistry()
        self._ended = Counter(
            "headcount_jobs", "Jobs by their end: done, failed.", ["end"], registry=self.registry
        )
        self.registry.register(_BoardCollector(self))

    def progress(self, snapshot: ProgressRecord) -> None:
        """Keep a job's latest snapshot."""
        with self._lock:
            self._jobs[snapshot.job_id] = snapshot

    def end(self, job_id: str, end: str) -> None:
        """Drop the gauges of a job that is no longer driven."""
        with self._lock:
            self._jobs.pop(job_id, None)
        self._ended.labels(end).inc()

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

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _BoardCollector(Collector):
    """Turns a board into metrics at the moment they are asked for."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def describe(self) -> Iterable[Metric]:
        """Nothing: the collector reads only when it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        yield from _of_broker(self._board)
        yield from _of_jobs(self._board.jobs)


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
    yield gauge("resent", "Units sent again, lost with their worker.", lambda job: job.resent)
    yield gauge("photos_per_second", "The job's rate.", lambda job: job.photos_per_second)
    yield gauge("seconds_left", "Time to the job's end.", lambda job: job.seconds_left)
    outcomes = GaugeMetricFamily(
        "headcount_job_outcomes", "Photos of the job by outcome.", labels=["job_id", "outcome"]
    )
    for job in jobs:
        for outcome, number in job.outcomes.items():
            outcomes.add_metric([job.job_id, outcome], number)
    yield outcomes
