import pytest

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from tests.workers.pictures import webp_canvas
from workers.images.limits import check_headers, check_size, check_tiles

PLENTY = 10**9
FRAME = b"\xff\xc0" + bytes([0, 17, 8, 0, 16, 0, 16, 3]) + bytes(9)
"""The frame of a sequential JPEG of three components."""


def scan(components: int) -> bytes:
    return b"\xff\xda" + bytes([0, 6 + 2 * components, components]) + bytes(2 * components + 3)


def scans(count: int, components: int = 1, *, fill: bytes = b"") -> bytes:
    return b"\xff\xd8" + fill + FRAME + scan(components) * count


def refused(data: bytes, max_pixels: int = PLENTY) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        check_headers(data, max_pixels)
    return caught.value


def test_a_picture_may_have_as_many_pixels_as_the_limit() -> None:
    check_size(20, 10, 200)
    with pytest.raises(PhotoError, match="20 x 10 pixels, more than the limit of 199") as caught:
        check_size(20, 10, 199)
    assert caught.value.outcome is Outcome.TOO_LARGE


@pytest.mark.parametrize("size", [(0, 9), (9, 0), (0, 0)])
def test_a_picture_of_no_pixels_is_unreadable(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoError, match="without pixels") as caught:
        check_size(*size, PLENTY)
    assert caught.value.outcome is Outcome.UNREADABLE


def test_a_tile_may_have_4096_pixels_a_side() -> None:
    check_tiles(4096, 4096)
    check_tiles(None, None)
    with pytest.raises(PhotoError, match="tiles are 4096 x 4097 pixels"):
        check_tiles(4096, 4097)


@pytest.mark.parametrize("fill", [b"", b"\xff", b"\xff\xff"], ids=["plain", "one", "two"])
def test_a_jpeg_may_have_256_scans(fill: bytes) -> None:
    check_headers(scans(256, fill=fill), PLENTY)
    assert "more than 256 scans" in refused(scans(257, fill=fill)).reason


@pytest.mark.parametrize("fill", [b"", b"\xff", b"\xff\xff"], ids=["plain", "one", "two"])
def test_scans_are_not_counted_behind_one_that_holds_every_component(fill: bytes) -> None:
    check_headers(scans(300, components=3, fill=fill), PLENTY)


def test_what_is_no_jpeg_has_no_scans() -> None:
    check_headers(b"II*\0" + scan(1) * 300, PLENTY)
    check_headers(b"", PLENTY)


def test_the_canvas_of_an_animated_webp_is_held_to_the_limit() -> None:
    canvas = webp_canvas(300, 200)
    check_headers(canvas, 60_000)
    assert refused(canvas, 59_999).reason.startswith("300 x 200 pixels")
    check_headers(canvas[:29], 1)
