"""Rows of people in a photo, from the boxes of their faces."""

import numpy as np
import pytest

from workers.identity.people_rows import people_rows


def boxes(*rows: tuple[float, int], size: float = 40, step: float = 90, slope: float = 0):
    """Faces of rows given as (height in the photo, number of people), each a bit off its place."""
    shift = np.random.default_rng(3).normal(0, 0.15 * size, (sum(n for _, n in rows), 2))
    at = [(60 + step * (k + i % 2 / 2), y) for i, (y, n) in enumerate(rows) for k in range(n)]
    places = np.array(at) + shift
    places[:, 1] += slope * places[:, 0]
    return np.column_stack([places, np.full((len(places), 2), size)])


def counts(*args: tuple[float, int], **more: float) -> list[int]:
    return np.bincount(people_rows(boxes(*args, **more))).tolist()


@pytest.mark.parametrize("rows", [(1,), (2,), (3,), (7,), (6, 5), (5, 6, 4), (8, 8, 8, 7)])
def test_rows_that_stand_apart_are_found_from_the_back(rows: tuple[int, ...]) -> None:
    assert counts(*((100 + 70.0 * k, n) for k, n in enumerate(rows))) == list(rows)


@pytest.mark.parametrize("slope", [-0.2, 0.2])
def test_rows_up_a_slope_are_rows(slope: float) -> None:
    assert counts((100, 7), (170, 6), slope=slope) == [7, 6]


def test_people_of_different_height_with_room_between_them_are_one_row() -> None:
    heights = np.array([100, 130, 85, 120])
    row = np.column_stack([np.arange(4) * 150.0, heights, np.full((4, 2), 40)])
    assert people_rows(row).tolist() == [0, 0, 0, 0]


def test_somebody_above_another_is_in_the_row_behind() -> None:
    assert people_rows(np.array([[100.0, 200, 40, 40], [102, 100, 40, 40]])).tolist() == [1, 0]
    assert people_rows(np.array([[100.0, 200, 40, 40], [202, 100, 40, 40]])).tolist() == [0, 0]


def test_the_order_of_the_faces_and_the_size_of_the_photo_change_nothing() -> None:
    given = boxes((100, 6), (170, 5), (240, 4))
    mixed = np.random.default_rng(0).permutation(len(given))
    found = people_rows(given)
    assert people_rows(given[mixed]).tolist() == found[mixed].tolist()
    assert people_rows(given * 7).tolist() == found.tolist()


def test_no_face_has_no_row() -> None:
    assert people_rows(np.empty((0, 4))).tolist() == []
