"""When a cron expression is due, across months, weekdays, and clocks that change."""

from datetime import UTC, datetime

import pytest

from headcount.errors import FatalError
from orchestrator.schedules.cron import Cron


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_two_at_night_is_another_moment_in_summer_and_in_winter() -> None:
    cron = Cron.parse("0 2 * * *", "Europe/Zurich")
    assert cron.next(utc(2026, 11, 24, 12)) == utc(2026, 11, 25, 1)
    assert cron.next(utc(2026, 7, 1, 12)) == utc(2026, 7, 2, 0)
    assert cron.last(utc(2026, 11, 25, 1)) == utc(2026, 11, 25, 1)
    assert cron.last(utc(2026, 11, 25, 0, 59)) == utc(2026, 11, 24, 1)


def test_an_hour_that_the_clocks_skip_or_repeat_is_due_once() -> None:
    cron = Cron.parse("30 2 * * *", "Europe/Zurich")
    assert cron.next(utc(2026, 3, 28, 12)) == utc(2026, 3, 29, 1, 30)  # 03:30 of that day
    assert cron.next(utc(2026, 3, 29, 1, 30)) == utc(2026, 3, 30, 0, 30)
    autumn = cron.next(utc(2026, 10, 24, 12))
    assert autumn == utc(2026, 10, 25, 0, 30)
    assert cron.next(autumn) == utc(2026, 10, 26, 1, 30)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("*/15 * * * *", utc(2026, 11, 25, 10, 15)),
        ("0 22 * * mon-fri", utc(2026, 11, 25, 22)),
        ("0 3 1 * *", utc(2026, 12, 1, 3)),
        ("0 3 1 * sun", utc(2026, 11, 29, 3)),
        ("5 4 29 2 *", utc(2028, 2, 29, 4, 5)),
        ("0 0 * * 7", utc(2026, 11, 29)),
        ("10,40 9-11/2 * * *", utc(2026, 11, 25, 11, 10)),
    ],
)
def test_fields_are_read_as_cron_reads_them(text: str, due: datetime) -> None:
    assert Cron.parse(text, "UTC").next(utc(2026, 11, 25, 10, 3)) == due


def test_a_night_is_named_after_its_local_date() -> None:
    assert Cron.parse("0 1 * * *", "Asia/Tokyo").label(utc(2026, 11, 24, 16)) == "2026-11-25"
    assert Cron.parse("0 */6 * * *", "UTC").label(utc(2026, 11, 24, 18)) == "2026-11-24T1800"


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("0 2 * *", "UTC"),
        ("61 2 * * *", "UTC"),
        ("0 2 * * */0", "UTC"),
        ("0 2 30 2 *", "UTC"),
        ("0 2 * * noday", "UTC"),
        ("0 2 * * *", "Mars/Olympus"),
        ("0 2 * * *", "../etc/passwd"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, zone: str) -> None:
    with pytest.raises(FatalError):
        Cron.parse(text, zone)


def test_a_schedule_of_every_ten_minutes_pauses_for_seventy_when_clocks_go_back() -> None:
    last = utc(2026, 10, 25, 0, 50)
    assert Cron.parse("*/10 * * * *", "Europe/Zurich").last(last) == last
    assert Cron.parse("*/10 * * * *", "Europe/Zurich").next(last) == utc(2026, 10, 25, 2)
    assert Cron.parse("*/10 * * * *", "UTC").next(last) == utc(2026, 10, 25, 1)
