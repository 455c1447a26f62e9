"""Collectors that metrics are made of: the process, its GPUs, the archive, beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


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


class OnDemand(Collector):
    """Metrics that are read at the moment they are asked for."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def describe(self) -> Iterable[Metric]:
        """Nothing: the collector reads only when it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        return self._collect()


def of_cards(cards: Iterable[CardMemory]) -> Iterator[Metric]:
    """Gauges of the memory of GPUs."""
    used = GaugeMetricFamily(
        "headcount_gpu_memory_used_bytes", "Memory in use on a GPU.", labels=["gpu"]
    )
    total = GaugeMetricFamily("headcount_gpu_memory_bytes", "Memory of a GPU.", labels=["gpu"])
    for card in cards:
        used.add_metric([card.gpu], card.used)
        total.add_metric([card.gpu], card.total)
    yield used
    yield total


def of_archive(
    away_seconds: float, failed: datetime | None, nights: Mapping[str, Night]
) -> Iterator[Metric]:
    """Gauges of an archive's store, its last failed job and its nights."""
    yield GaugeMetricFamily(
        "headcount_store_away_seconds",
        "Seconds since the archive's store was asked and has not answered; 0: it answers.",
        value=away_seconds,
    )
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
    for schedule, night in nights.items():
        if night.due is not None:
            due.add_metric([schedule], night.due.timestamp())
        state.add_metric([schedule], night.failed)
    yield due
    yield state


class BeatMetrics:
    """The metrics of a beat."""

    def __init__(self, ticked: Callable[[], float | None]) -> None:
        self._ticked = ticked
        self.registry = process_registry()
        self.registry.register(OnDemand(self._collect))

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
