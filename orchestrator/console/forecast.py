"""The forecast of a job with a budget: whether its photos will be done before that is spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from headcount.contract.stored.jobs import ProgressRecord
from orchestrator.jobs.budget import Budget

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job will have done by its rate so far; None where that cannot be said yet."""

    until: str | None
    ends: datetime | None
    worker_hours: float | None
    worker_hours_spent: float | None = None
    photos: int | None = None
    """Photos to do in all."""
    photos_by_then: int | None = None
    """Those of them that will be done before the budget is spent."""
    done_by: datetime | None = None
    """The moment at which all would be done, if there were no budget."""

    @property
    def in_time(self) -> bool | None:
        """Whether all will be done before the budget is spent."""
        return None if self.photos_by_then is None else self.photos_by_then == self.photos

    @property
    def line(self) -> str:
        """The forecast in words; times are those of this machine."""
        limits = [] if self.ends is None else [f"by {_local(self.ends)}"]
        if self.worker_hours is not None:
            limits.append(f"in {self.worker_hours:g} worker-hours")
        then = " and ".join(limits)
        if self.photos is None or self.photos_by_then is None:
            return f"to end {then}: too early to say how many photos will be done"
        if self.in_time and self.done_by:
            return f"all {self.photos:,} photos will be done by {_local(self.done_by)}"
        return f"{self.photos_by_then:,} of {self.photos:,} photos will be done {then}"

    def as_dict(self) -> dict[str, object]:
        """The forecast as JSON."""
        return {
            "until": self.until,
            "ends": self.ends and self.ends.isoformat(),
            "worker_hours": self.worker_hours,
            "worker_hours_spent": self.worker_hours_spent,
            "photos": self.photos,
            "photos_by_then": self.photos_by_then,
            "done_by": self.done_by and self.done_by.isoformat(),
            "in_time": self.in_time,
            "line": self.line,
        }


def forecast(budget: Budget, progress: ProgressRecord | None) -> Forecast:
    """The forecast of a running job with this budget, by its latest snapshot."""
    spec = budget.spec
    limits = (spec.until, spec.ends, spec.worker_hours)
    if progress is None or not progress.photos_total:
        return Forecast(*limits)
    each = _worker_seconds_per_photo(progress)
    spent = None if each is None else each * progress.photos_done / 3600
    rate, total = progress.photos_per_second, progress.photos_total
    room = _room(budget, progress, each)
    if not rate or room is None:
        return Forecast(*limits, spent, total)
    closing = spec.ends - budget.stops if spec.ends and budget.stops else timedelta()
    seconds = (total - progress.photos_done) / rate
    return Forecast(
        *limits,
        spent,
        total,
        min(total, progress.photos_done + int(room)),
        progress.updated + timedelta(seconds=seconds) + closing,
    )


def _worker_seconds_per_photo(progress: ProgressRecord) -> float | None:
    """Seconds of a worker that a photo of a finished shard took; None before there is one."""
    finished = sum(progress.outcomes.values())
    return progress.worker_seconds / finished if finished else None


def _room(budget: Budget, progress: ProgressRecord, each: float | None) -> float | None:
    """Number of photos for which there is budget left; None where that cannot be said yet."""
    rooms = []
    if budget.stops is not None:
        if not progress.photos_per_second:
            return None
        seconds = (budget.stops - progress.updated).total_seconds()
        rooms.append(seconds * progress.photos_per_second)
    if budget.spec.worker_hours is not None:
        if not each:
            return None
        rooms.append(budget.spec.worker_hours * 3600 / each - progress.photos_done)
    return max(0.0, min(rooms))


def _local(moment: datetime) -> str:
    """The time on this machine's clock, with its date where it is a day away or more."""
    local = moment.astimezone()
    far = abs(local - datetime.now().astimezone()) >= DAY
    return f"{local:%Y-%m-%d %H:%M}" if far else f"{local:%H:%M}"
