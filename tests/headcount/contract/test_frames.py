import numpy as np
import pytest

from headcount.contract.frames import UNKNOWN, Frame, moved_box
from workers.images.decode import _UPRIGHT


def upright(orientation: int) -> np.ndarray:
    """A photo of one white face in the stored pixels, turned upright."""
    pixels = np.zeros((60, 90, 3), np.uint8)
    pixels[10:30, 50:80] = 255
    turn = _UPRIGHT.get(orientation)
    return np.asarray(pixels if turn is None else turn(pixels))


def box_of(pixels: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(pixels.any(axis=(1, 2))), np.flatnonzero(pixels.any(axis=(0, 2)))
    return float(columns[0]), float(rows[0]), float(len(columns)), float(len(rows))


def frame(orientation: int, *, scale: int = 1) -> Frame:
    height, width = upright(orientation).shape[:2]
    return Frame(width * scale, height * scale, orientation)


@pytest.mark.parametrize("before", range(1, 9))
@pytest.mark.parametrize("after", range(1, 9))
def test_a_face_is_where_the_pixels_are_that_are_turned(before: int, after: int) -> None:
    found = moved_box(box_of(upright(before)), frame(before), frame(after))
    assert found == pytest.approx(box_of(upright(after)))


def test_a_photo_that_is_read_larger_has_larger_faces() -> None:
    found = moved_box((50, 10, 30, 20), frame(1), frame(3, scale=2))
    assert found == pytest.approx((20, 60, 60, 40))


def test_a_frame_that_is_not_known_moves_nothing() -> None:
    box = (1.0, 2.0, 3.0, 4.0)
    assert moved_box(box, UNKNOWN, frame(3)) == box == moved_box(box, frame(3), UNKNOWN)


def test_a_frame_turned_on_its_side_changes_width_and_height() -> None:
    upright = Frame(400, 200, 1)
    assert upright.turned(6) == Frame(200, 400, 6)
    assert upright.turned(6).turned(8) == Frame(200, 400, 8)
    assert upright.turned(6).turned(3) == Frame(400, 200, 3)
