from datetime import datetime

import pytest

from workers.images.clock import Clock, NoTimeError, read_clock

NOW = datetime(2026, 11, 28, 12)
AT = datetime(2019, 7, 4, 15, 30, 12)


@pytest.mark.parametrize(
    ("text", "at", "offset"),
    [
        ("2019:07:04 15:30:12", AT, None),
        ("2019-07-04T15:30:12", AT, None),
        ("2019-07-04 15:30:12+00:00", AT, 0),
        ("2019-07-04T15:30:12.123456789+09:30", AT.replace(microsecond=123_000), 570),
        ("2019-07-04T15:30:12,9Z", AT.replace(microsecond=900_000), 0),
        ("2019-07-04T15:30:12.000GMT+02:00", AT, 120),  # a telephone's spatial photo
        ("2019/7/4 15:30", AT.replace(second=0), None),
        ("2019-07-04", datetime(2019, 7, 4), None),
        ("2019:07:04   :  :  ", datetime(2019, 7, 4), None),
        ("1839-08-19", datetime(1839, 8, 19), None),
        ("1970-01-01", datetime(1970, 1, 1), None),
        ("1970-01-01 00:00:01", datetime(1970, 1, 1, 0, 0, 1), None),
        ("2026-11-29 11:00:00", datetime(2026, 11, 29, 11), None),
        ("2019-07-04 15:30:12-25:00", AT, None),
    ],
)
def test_dates_and_times_are_read_as_programs_write_them(
    text: str, at: datetime, offset: int | None
) -> None:
    assert read_clock(text, now=NOW) == Clock(at, offset)


@pytest.mark.parametrize(
    ("fraction", "milliseconds"), [("5", 500), ("045", 45), ("123999", 123), ("  ", 0), ("x", 0)]
)
def test_a_fraction_of_a_second_is_digits_after_the_point(fraction: str, milliseconds: int) -> None:
    read = read_clock("2019:07:04 15:30:12", fraction, "-03:00", now=NOW)
    assert read == Clock(AT.replace(microsecond=1000 * milliseconds), -180)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("    :  :     :  :  ", "the date is blank"),
        ("", "the date is blank"),
        ("0000:00:00 00:00:00", "the date was never set: 0000:00:00 00:00:00"),
        ("2019:13:04 15:30:12", "there is no 2019:13:04 15:30:12"),
        ("2019:02:29 15:30:12", "there is no 2019:02:29 15:30:12"),
        ("2019:07:04 25:30:12", "there is no 2019:07:04 25:30:12"),
        ("1970:01:01 00:00:00", "1970-01-01 is where a clock stands that was not set"),
        ("1904-01-01T00:00:00Z", "1904-01-01 is where a clock stands that was not set"),
        ("1980:01:01 00:00:00", "1980-01-01 is where a clock stands that was not set"),
        ("1825:12:31 10:00:00", "1825 was before photography"),
        ("2026:11:30 10:00:00", "2026-11-30 is in the future"),
        ("1943", "1943 is no day"),
        ("1943-07", "1943-07 is no day"),
        ("1943-00-00", "there is no 1943-00-00"),
        ("1562254212", "1562254212 is no date"),
        ("Ann's birthday", "the text is no date"),
        ("٢٠١٩-07-04", "the text is no date"),
    ],
)
def test_what_cannot_be_a_photo_s_time_is_refused_in_words(text: str, reason: str) -> None:
    with pytest.raises(NoTimeError) as error:
        read_clock(text, now=NOW)
    assert str(error.value) == reason
