from datetime import datetime

import pytest

from workers.images.clock import Clock
from workers.images.dated_names import time_in_name

NOW = datetime(2026, 11, 28, 12)
AT = datetime(2019, 7, 4, 15, 30, 12)


@pytest.mark.parametrize(
    "name",
    [
        *("IMG_20190704_153012.jpg", "20190704_153012.jpg", "VID_20190704_153012_HDR.jpg"),
        *("2019-07-04 15.30.12.jpg", "2019-07-04 15.30.12-1.jpg", "signal-2019-07-04-153012.jpg"),
        *("Screenshot_20190704-153012_Maps.png", "Screenshot_2019-07-04-15-30-12.png"),
        *("WhatsApp Image 2019-07-04 at 15.30.12.jpeg", "photo_2019-07-04_15-30-12.jpg"),
        *("WP_20190704_15_30_12_Pro.jpg", "20190704153012.jpg", "a/1999-01-01/20190704T153012.jpg"),
    ],
)
def test_a_time_in_a_name_is_read(name: str) -> None:
    assert time_in_name(name, now=NOW) == Clock(AT)


def test_a_pixel_names_photos_by_utc_to_the_millisecond() -> None:
    wanted = Clock(datetime(2021, 1, 1, 1, 2, 3, 45_000), 0)
    assert time_in_name("PXL_20210101_010203045.jpg", now=NOW) == wanted


@pytest.mark.parametrize(
    "name",
    ["IMG-20190704-WA0001.jpg", "2019-07-04 Rome.jpg", "Rome 2019_07_04.jpg", "2019.07.04.jpg"],
)
def test_a_date_alone_is_its_midnight(name: str) -> None:
    assert time_in_name(name, now=NOW) == Clock(datetime(2019, 7, 4))


@pytest.mark.parametrize(
    "name",
    [
        *("DSC_0123.jpg", "20190704.jpg", "FB_IMG_1562254212345.jpg", "IMG_20191304_153012.jpg"),
        *("IMG_20190704_253012.jpg", "120190704_153012.jpg", "201907041530123.jpg", "x" * 5_000),
        *("2099-07-04.jpg", "2019-07-04/DSC_0123.jpg", "1-2-3.jpg", "IMG_17000704_153012.jpg"),
    ],
)
def test_other_numbers_are_no_time(name: str) -> None:
    assert time_in_name(name, now=NOW) is None
