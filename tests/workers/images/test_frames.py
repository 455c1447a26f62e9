import numpy as np
import pytest

from workers.images.decode import _UPRIGHT
from workers.images.frames import Frames, moved_boxes

STORED = np.zeros((60, 90, 3), np.uint8)


def upright(orientation: int) -> np.ndarray:
    """A photo of one white face in the stored pixels, turned upright."""
    pixels = STORED.copy()
    pixels[10:30, 50:80] = 255
    turn = _UPRIGHT.get(orientation)
    return np.asarray(pixels if turn is None else turn(pixels))


def box_of(pixels: np.ndarray) -> list[float]:
    rows, columns = np.flatnonzero(pixels.any(axis=(1, 2))), np.flatnonzero(pixels.any(axis=(0, 2)))
    return [columns[0], rows[0], len(columns), len(rows)]


def frame(orientation: int, *, scale: int = 1) -> Frames:
    height, width = upright(orientation).shape[:2]
    return Frames(np.array([[width * scale, height * scale]]), np.array([orientation]))


@pytest.mark.parametrize("before", range(1, 9))
@pytest.mark.parametrize("after", range(1, 9))
def test_a_face_is_where_the_pixels_are_that_are_turned(before: int, after: int) -> None:
    old, new = box_of(upright(before)), box_of(upright(after))
    found = moved_boxes(np.array([old], np.float32), frame(before), frame(after))
    assert found[0].tolist() == pytest.approx(new)


def test_a_photo_that_is_read_larger_has_larger_faces() -> None:
    found = moved_boxes(np.array([[50, 10, 30, 20]], np.float32), frame(1), frame(3, scale=2))
    assert found[0].tolist() == pytest.approx([20, 60, 60, 40])


def test_a_frame_that_was_not_read_moves_nothing() -> None:
    box = np.array([[1, 2, 3, 4]], np.float32)
    nothing = Frames(np.zeros((1, 2), int), np.array([0]))
    assert moved_boxes(box, nothing, frame(3)).tolist() == box.tolist()
