"""Cells of lists, as pandas, polars and R write them."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headcount.collections.cells import (
    Untyped,
    number_or_text_in,
    taken_in,
    text_in,
    whole_number_in,
    with_plain_times,
)

NOTHING = [None, "", float("nan"), Decimal("NaN"), b""]
GAPS = ["nan", "NaN", "NaT", "NA", "<NA>", "None", "null", " "]


@pytest.mark.parametrize("value", NOTHING)
def test_nothing_is_nothing_in_every_column(value: Any) -> None:
    row = {"a": value}
    assert (text_in(row, "a"), number_or_text_in(row, "a"), taken_in(row, "a")) == ("", "", "")
    assert whole_number_in(row, "a") is None
    assert text_in({}, "a") == ""


@pytest.mark.parametrize("word", GAPS)
def test_the_words_of_data_frames_for_a_gap_in_a_csv_are_nothing(word: str) -> None:
    row = {"a": Untyped(word)}
    assert (text_in(row, "a"), number_or_text_in(row, "a"), taken_in(row, "a")) == ("", "", "")
    assert whole_number_in(row, "a") is None


def test_where_texts_have_a_type_such_a_word_is_a_text() -> None:
    assert number_or_text_in({"key": "None"}, "key") == "None"
    assert text_in({"uri": "nan"}, "uri") == "nan"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (Decimal("2.0"), "2"),
        (7, "7"),
        (-0.0, "0"),
        (2.0**53, "9007199254740992"),
        (Untyped("3.0"), "3"),
        (Untyped(" 007.0 "), "007"),
        (Untyped("1.10"), "1.10"),
        (Untyped("1.5"), "1.5"),
        (Untyped("v1.0"), "v1.0"),
        ("1.0", "1.0"),
        (b"Zo\xc3\xab", "Zo\u00eb"),
        (2**64, "18446744073709551616"),
    ],
)
def test_a_whole_number_is_a_key_without_a_point(value: Any, text: str) -> None:
    assert number_or_text_in({"key": value}, "key") == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (16571.0, 16571),
        ("16571.0", 16571),
        (Untyped("16571.0"), 16571),
        ("1.6571e4", 16571),
        ("16571", 16571),
        ("9007199254740993", 9007199254740993),
        (0, 0),
        (b"3", 3),
        (Decimal(5), 5),
    ],
)
def test_a_whole_float_is_a_size(value: Any, number: int) -> None:
    assert whole_number_in({"bytes": value}, "bytes") == number


@pytest.mark.parametrize(
    "value", ["12 kB", 1.5, "1.5", -1, "-1", True, "1_000", "inf", float("inf"), [3], "0x10"]
)
def test_what_is_no_size_is_refused_by_its_column(value: Any) -> None:
    with pytest.raises(ValueError, match="the column bytes"):
        whole_number_in({"bytes": value}, "bytes")


@pytest.mark.parametrize(
    "value", [1.5, True, float("inf"), 2.0**60, {"a": 1}, b"\xff", datetime(2024, 5, 1)]
)
def test_what_is_no_key_is_refused_by_its_column(value: Any) -> None:
    with pytest.raises(ValueError, match="the column key"):
        number_or_text_in({"key": value}, "key")


@pytest.mark.parametrize("value", [1, 1.0, True, ["a.jpg"], b"\xff"])
def test_what_is_no_text_is_refused_by_its_column(value: Any) -> None:
    with pytest.raises(ValueError, match="the column uri"):
        text_in({"uri": value}, "uri")


def test_times_are_iso_text_with_their_offset_and_text_is_what_it_is() -> None:
    east = timezone(timedelta(hours=2))
    times = {
        datetime(2024, 5, 1, 10, 0, 30): "2024-05-01T10:00:30",
        datetime(2024, 5, 1, 10, 0, tzinfo=east): "2024-05-01T10:00:00+02:00",
        date(2024, 5, 1): "2024-05-01",
        "2024:05:01 10:00:00": "2024:05:01 10:00:00",
        20240501.0: "20240501",
    }
    for value, text in times.items():
        assert taken_in({"taken": value}, "taken") == text


def test_times_of_nanoseconds_are_read_to_the_microsecond() -> None:
    times = pa.array([1714557600123456789, None], pa.timestamp("ns", "UTC"))
    batch = with_plain_times(pa.record_batch({"taken": times}))
    assert [taken_in(row, "taken") for row in batch.to_pylist()] == [
        "2024-05-01T10:00:00.123456+00:00",
        "",
    ]
