from tests.workers.dated import exif, exif_alone
from workers.images.exif_times import ExifTime, ExifTimes, exif_times


def test_each_time_has_its_own_fraction_and_offset() -> None:
    block = exif(
        changed="2020:01:01 00:00:00",
        taken="2019:07:04 15:30:12",
        fraction="045",
        offset="+09:00",
        digitised="2019:07:05 01:00:00",
    )
    assert exif_times(block.removeprefix(b"Exif\0\0")) == ExifTimes(
        ExifTime("2019:07:04 15:30:12", "045", "+09:00"),
        ExifTime("2019:07:05 01:00:00"),
        ExifTime("2020:01:01 00:00:00"),
    )


def test_a_directory_of_exif_s_own_is_read_and_other_bytes_say_nothing() -> None:
    assert exif_times(exif_alone("soon")).taken == ExifTime("soon")
    for block in (b"", b"II", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0", b"XX*\0\x08\0\0\0\0\0"):
        assert exif_times(block) == ExifTimes()
