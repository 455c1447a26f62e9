"""Progress of one job: the current stage, what its done markers add up to, and the snapshots."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from headcount.contract.layout import JobKeys
from headcount.contract.record import now
from headcount.contract.stored.jobs import CutRecord, DoneMarker, PlanRecord, ProgressRecord
from headcount.errors import TransientError
from headcount.storage import Store
from orchestrator.jobs.flights import Flights

SNAPSHOT_SECONDS = 2.0
"""Seconds between two snapshots in the archive; each is one small write."""


class Reporter(Protocol):
    """Display of a job's progress for a person."""

    def stage(self, name: str) -> None:
        """Show that a stage begins."""
        ...

    def progress(self, snapshot: ProgressRecord) -> None:
        """Show a new snapshot."""
        ...

    def warn(self, text: str) -> None:
        """Show a warning."""
        ...


class Silent:
    """Reporter that shows nothing."""

    def stage(self, name: str) -> None:
        """Show nothing."""

    def progress(self, snapshot: ProgressRecord) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Show nothing."""


@dataclass(slots=True)
class Totals:
    """Sums over the done markers of a job's shards."""

    shards: int = 0
    photos: int = 0
    faces: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)

    def add(self, marker: DoneMarker) -> None:
        """Add the counts and seconds of one marker."""
        self.shards += 1
        self.photos += marker.photos
        self.faces += marker.faces
        self.seconds += marker.seconds
        for outcome, number in marker.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number
        for stage, seconds in marker.stages.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds


class Progress:
    """Stage and counts of one job, told to its reporter and written to the archive."""

    def __init__(self, store: Store, keys: JobKeys, reporter: Reporter, flights: Flights) -> None:
        self._store = store
        self._keys = keys
        self._reporter = reporter
        self._flights = flights
        self.totals = Totals()
        self._left = self._shards_left = 0
        self._stage = ""
        self._entered = self._began = time.monotonic()
        self._began_with = 0
        self._snapshot_at = 0.0

    def enter(self, stage: str) -> None:
        """Begin a stage: tell the reporter and write a snapshot."""
        self._stage, self._entered = stage, time.monotonic()
        self._reporter.stage(stage)
        self.snapshot(None, force=True)

    def seconds_in_stage(self) -> float:
        """Seconds since the current stage began."""
        return time.monotonic() - self._entered

    def count(self, marker: DoneMarker) -> None:
        """Add a shard's done marker to the totals."""
        self.totals.add(marker)

    def leave(self, cut: CutRecord) -> None:
        """Leave the shards of a cut out of what is to be done."""
        self._left, self._shards_left = cut.photos, len(cut.units)

    def begin_rate(self) -> None:
        """Measure photos per second from now on: photos counted so far were done earlier."""
        self._began, self._began_with = time.monotonic(), self.totals.photos

    def snapshot(self, plan: PlanRecord | None, *, force: bool = False) -> None:
        """Report the current counts; write them to the archive now and then, or if forced."""
        moment = time.monotonic()
        record = self._record(plan, moment)
        self._reporter.progress(record)
        if force or moment - self._snapshot_at > SNAPSHOT_SECONDS:
            self._snapshot_at = moment
            try:
                self._store.put(self._keys.progress, record.to_bytes())
            except TransientError as error:
                self._reporter.warn(str(error))

    def _record(self, plan: PlanRecord | None, moment: float) -> ProgressRecord:
        photos = self.totals.photos + self._flights.photos
        total = plan.planned_photos - self._left if plan else 0
        rate = photos_per_second(photos - self._began_with, moment - self._began)
        return ProgressRecord(
            job_id=self._keys.job_id,
            stage=self._stage,
            updated=now(),
            photos_total=total,
            photos_done=min(photos, total) if total else photos,
            faces=self.totals.faces,
            outcomes=self.totals.outcomes,
            stages=self.totals.stages,
            shards_total=plan.shards - self._shards_left if plan else 0,
            shards_done=self.totals.shards,
            shards_in_flight=len(self._flights),
            resent=self._flights.resent,
            lost_in_hand=self._flights.lost_in_hand,
            worker_seconds=self.totals.seconds,
            photos_per_second=rate,
            seconds_left=(total - photos) / rate if rate and total else None,
            slow=self._flights.slow,
            in_hand=self._flights.in_hand(moment),
            refusals=self._flights.refusals.standing,
        )


def photos_per_second(photos: int, seconds: float) -> float | None:
    """Rate of ``photos`` done in ``seconds``; None with no photo, or too early to say."""
    return photos / seconds if photos and seconds > 1 else None
