import numpy as np
import pytest

from workers.models.base import Detections
from workers.models.detectors.boxes import corners_of, merged, overlaps, padded, suppress


def found(*boxes: list[float], scores: list[float] | None = None) -> Detections:
    count = len(boxes)
    given = np.float32(scores or np.linspace(0.9, 0.6, count))
    return Detections(np.float32(boxes), np.zeros((count, 5, 2), np.float32), given)


def kept(boxes: list[list[float]], scores: list[float], overlap: float = 0.4) -> list[int]:
    return suppress(np.float32(boxes), np.float32(scores), overlap).tolist()


def test_cells_come_row_by_row_each_as_often_as_there_are_anchors() -> None:
    corners = corners_of(np.arange(12), 24, 8, anchors=2)
    row = [[0, 0], [0, 0], [8, 0], [8, 0], [16, 0], [16, 0]]
    assert corners.tolist() == row + [[x, 8] for x, _ in row]
    assert corners_of(np.array([11, 2]), 24, 8, anchors=2).tolist() == [[16, 8], [8, 0]]


def test_of_two_overlapping_boxes_the_better_stays() -> None:
    assert kept([[0, 0, 10, 10], [1, 1, 10, 10]], [0.6, 0.9]) == [1]


def test_boxes_apart_all_stay_best_first() -> None:
    assert kept([[0, 0, 9, 9], [50, 0, 9, 9], [0, 50, 9, 9]], [0.6, 0.9, 0.7]) == [1, 2, 0]


def test_a_suppressed_box_suppresses_nothing() -> None:
    chain = [[0, 0, 10, 10], [4, 0, 10, 10], [8, 0, 10, 10]]  # neighbours share 0.43
    assert kept(chain, [0.9, 0.8, 0.7]) == [0, 2]


def test_an_overlap_of_exactly_the_limit_stays() -> None:
    halves = [[0, 0, 10, 10], [0, 0, 5, 10]]
    assert kept(halves, [0.9, 0.8], overlap=0.5) == [0, 1]
    assert kept(halves, [0.9, 0.8], overlap=0.49) == [0]


def test_equal_scores_are_ordered_by_place_whatever_the_order_given() -> None:
    boxes = [[80, 0, 9, 9], [0, 40, 9, 9], [0, 0, 9, 9]]
    assert kept(boxes, [0.7, 0.7, 0.7]) == [2, 1, 0]


def test_no_boxes_and_empty_boxes_are_no_trouble() -> None:
    assert len(suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.4)) == 0
    assert kept([[5, 5, 0, 0], [5, 5, 0, 0]], [0.9, 0.8]) == [0, 1]


def test_the_faces_of_several_passes_are_each_there_once() -> None:
    one = found([0, 0, 10, 10], [50, 0, 10, 10], scores=[0.7, 0.9])
    other = found([1, 0, 10, 10], [0, 50, 10, 10], scores=[0.8, 0.65])
    both = merged([one, other, Detections.none()], 0.4)
    assert both.scores.tolist() == pytest.approx([0.9, 0.8, 0.65])
    assert both.boxes[:, :2].tolist() == [[50, 0], [1, 0], [0, 50]]
    assert both.landmarks.shape == (3, 5, 2)


def test_what_has_no_place_or_no_extent_is_no_face() -> None:
    odd = found([np.nan, 0, 9, 9], [0, 0, np.inf, 9], [0, 0, 0, 9], [0, 0, 9, -1], [7, 7, 9, 9])
    assert merged([odd], 0.4).boxes.tolist() == [[7, 7, 9, 9]]
    assert len(merged([Detections.none()], 0.4)) == 0


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.float32([[0, 0, 10, 10], [5, 0, 10, 10], [40, 40, 5, 5], [0, 0, 0, 0]])
    table = overlaps(boxes[:1], boxes)
    np.testing.assert_allclose(table, [[1, 1 / 3, 0, 0]], atol=1e-6)
    assert overlaps(boxes[:0], boxes).shape == (0, 4)


def test_padding_is_black_and_to_the_right_and_below() -> None:
    image = np.full((2, 3, 3), 9, np.uint8)
    canvas = padded(image, 4, 5)
    assert (canvas[:2, :3] == 9).all()
    assert canvas.sum() == image.sum()
