from datetime import datetime

import pytest

from headcount.contract.taken import UNKNOWN, Taken
from workers.images.exif_times import ExifTime, ExifTimes
from workers.images.iim import DATE_CREATED, TIME_CREATED
from workers.images.taken import when_taken

NOW = datetime(2026, 11, 28, 12)
ORIGINAL = "http://ns.adobe.com/exif/1.0/DateTimeOriginal"
CREATED = "http://ns.adobe.com/photoshop/1.0/DateCreated"
MADE = "http://ns.adobe.com/xap/1.0/CreateDate"
NAME = "IMG_20060101_000000.jpg"


def day(year: int) -> datetime:
    return datetime(year, 1, 1)


def at(year: int) -> ExifTime:
    return ExifTime(f"{year}:01:01 00:00:00")


EVERYTHING = {
    "exif": ExifTimes(at(2000), at(2001), at(2009)),
    "xmp": {ORIGINAL: "2002-01-01", CREATED: "2003-01-01", MADE: "2004-01-01"},
    "iim": {DATE_CREATED: ["20050101"]},
    "key": "a/" + NAME,
    "listed": "2007-01-01",
}
NOTHING = {"exif": ExifTimes(), "xmp": {}, "iim": {}, "key": "a.jpg", "listed": ""}


def taken(**said: object) -> Taken:
    return when_taken(**{**NOTHING, **said, "now": NOW})  # type: ignore[arg-type]


def test_sources_count_in_one_order_and_the_time_of_the_last_change_never() -> None:
    steps: list[tuple[dict[str, object], int, str]] = [
        ({}, 2000, "exif"),
        ({"exif": ExifTimes(None, at(2001), at(2009))}, 2001, "exif"),
        ({"exif": ExifTimes(None, None, at(2009))}, 2002, "xmp"),
        ({"xmp": {CREATED: "2003-01-01", MADE: "2004-01-01"}}, 2003, "xmp"),
        ({"xmp": {MADE: "2004-01-01"}}, 2004, "xmp"),
        ({"xmp": {}}, 2005, "iptc"),
        ({"iim": {}}, 2006, "file name"),
        ({"key": "a.jpg"}, 2007, "list"),
    ]
    said: dict[str, object] = dict(EVERYTHING)
    for change, year, source in steps:
        said |= change
        assert taken(**said) == Taken(day(year), None, source)  # type: ignore[arg-type]
    assert taken(**said | {"listed": ""}) == Taken(reason="EXIF: the time of the last change alone")
    assert taken() == UNKNOWN


def test_a_source_that_does_not_hold_gives_way_to_the_next_without_a_word() -> None:
    never = ExifTimes(ExifTime("0000:00:00 00:00:00"))
    assert taken(exif=never, key=NAME) == Taken(day(2006), None, "file name")
    assert taken(exif=never, xmp={ORIGINAL: "1943"}, listed="soon") == Taken(
        reason=(
            "EXIF: the date was never set: 0000:00:00 00:00:00; XMP: 1943 is no day; "
            "list: the text is no date"
        )
    )


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ("153012+0230", Taken(datetime(2019, 7, 4, 15, 30, 12), 150, "iptc")),
        ("153012", Taken(datetime(2019, 7, 4, 15, 30, 12), None, "iptc")),
        ("", Taken(datetime(2019, 7, 4), None, "iptc")),
        ("soon", Taken(datetime(2019, 7, 4), None, "iptc")),
    ],
)
def test_iptc_has_day_and_time_apart(time: str, wanted: Taken) -> None:
    assert taken(iim={DATE_CREATED: ["20190704"], TIME_CREATED: [time]}) == wanted
