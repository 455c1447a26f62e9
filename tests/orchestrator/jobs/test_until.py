"""The moment by which a job is to end: the next such time, the clocks' changes, what is no time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from headcount.errors import FatalError
from orchestrator.jobs.until import clock_of, end_of

ZURICH = ZoneInfo("Europe/Zurich")


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("until", "begun", "end"),
    [
        ("06:00", utc(2026, 11, 28, 1), utc(2026, 11, 28, 5)),
        ("6:00", utc(2026, 11, 28, 4, 59, 59), utc(2026, 11, 28, 5)),
        ("06:00", utc(2026, 11, 28, 5), utc(2026, 11, 29, 5)),
        ("00:30", utc(2026, 11, 27, 23, 15), utc(2026, 11, 27, 23, 30)),
        ("06:00", utc(2026, 7, 1, 1), utc(2026, 7, 1, 4)),
        ("02:30", utc(2026, 3, 29, 0), utc(2026, 3, 29, 1, 30)),  # the clocks skip it: 03:30
        ("02:30", utc(2026, 10, 25, 0), utc(2026, 10, 25, 0, 30)),  # the first of two
        ("02:30", utc(2026, 10, 25, 1), utc(2026, 10, 26, 1, 30)),  # not again an hour later
        ("2026-11-29T06:00", utc(2026, 11, 28), utc(2026, 11, 29, 5)),
        ("2026-11-29 06:00", utc(2026, 11, 28), utc(2026, 11, 29, 5)),
        ("2026-11-29T06:00Z", utc(2026, 11, 28), utc(2026, 11, 29, 6)),
        ("2026-11-29T06:00-05:00", utc(2026, 11, 28), utc(2026, 11, 29, 11)),
    ],
)
def test_a_time_is_the_next_one_in_its_zone_and_a_date_is_itself(
    until: str, begun: datetime, end: datetime
) -> None:
    assert end_of(until, begun, ZURICH) == end


def test_without_a_zone_the_clock_is_the_machines() -> None:
    begun = utc(2026, 11, 28, 12)
    end = end_of("06:00", begun).astimezone()
    assert (end.hour, end.minute) == (6, 0)
    assert end_of("2026-12-24T18:00", begun) == datetime(2026, 12, 24, 18).astimezone()


@pytest.mark.parametrize("until", ["", "6", "25:00", "06:60", "tomorrow", "2026-11-29", "6:00 pm"])
def test_what_is_no_time_is_refused_in_words(until: str) -> None:
    with pytest.raises(FatalError, match="expected a time such as 06:00"):
        end_of(until, utc(2026, 11, 28))


def test_a_moment_that_is_past_is_refused() -> None:
    with pytest.raises(FatalError, match="is past"):
        end_of("2026-11-28T06:00Z", utc(2026, 11, 28, 6))


def test_only_a_time_without_a_date_comes_again_every_night() -> None:
    assert clock_of("06:00")
    assert clock_of("2026-11-28T06:00") is None
