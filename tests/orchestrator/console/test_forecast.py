"""The forecast of a job with a budget, by its rate so far."""

from datetime import timedelta

import pytest

from headcount.contract.record import now
from headcount.contract.stored.jobs import JobSpec, ProgressRecord
from orchestrator.console.forecast import Forecast, forecast
from orchestrator.jobs.budget import Budget

HOUR = timedelta(hours=1)


def found(hours_left: float | None = None, worker_hours: float | None = None) -> Forecast:
    """Of 9,000 photos 3,000 are done, at one a second; each took a worker four seconds."""
    progress = ProgressRecord(
        job_id="job",
        stage="embed",
        updated=now(),
        photos_total=9000,
        photos_done=3000,
        outcomes={"faces": 2000, "no_face": 500},
        worker_seconds=10_000,
        photos_per_second=1.0,
    )
    stops = None if hours_left is None else progress.updated + hours_left * HOUR
    spec = JobSpec.model_construct(
        until=stops and "06:00",
        ends=stops and stops + timedelta(minutes=10),
        worker_hours=worker_hours,
    )
    return forecast(Budget(spec, stops), progress)


@pytest.mark.parametrize(
    ("budget", "photos", "words"),
    [
        ((1.0, None), 6600, "6,600 of 9,000 photos will be done by "),
        ((10.0, None), 9000, "all 9,000 photos will be done by "),
        ((-1.0, None), 3000, "3,000 of 9,000 photos will be done by "),
        ((None, 5.0), 4500, "4,500 of 9,000 photos will be done in 5 worker-hours"),
        ((None, 1.0), 3000, "3,000 of 9,000 photos will be done in 1 worker-hours"),
        ((None, 10.0), 9000, "all 9,000 photos will be done by "),
        ((10.0, 5.0), 4500, "4,500 of 9,000 photos will be done by "),
    ],
)
def test_the_photos_that_will_be_done_follow_from_rate_and_budget(
    budget: tuple[float | None, float | None], photos: int, words: str
) -> None:
    told = found(*budget)
    assert (told.photos, told.photos_by_then) == (9000, photos)
    assert told.in_time == (photos == 9000) == told.as_dict()["in_time"]
    assert told.line.startswith(words)


def test_all_is_done_once_commit_and_reduce_are() -> None:
    told = found(10.0)
    assert told.done_by and told.ends
    assert told.done_by == told.ends - 10 * HOUR + timedelta(seconds=6000)


def test_before_there_is_a_rate_nothing_is_said_of_photos() -> None:
    spec = JobSpec.model_construct(until=None, ends=None, worker_hours=5.0)
    told = forecast(Budget(spec, None), None)
    assert told.line.startswith("to end in 5 worker-hours: too early")
    assert told.in_time is None
