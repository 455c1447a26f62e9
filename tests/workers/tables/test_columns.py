import numpy as np
import pyarrow as pa

from workers.tables.columns import (
    NONE,
    factorize,
    factorize_sorted,
    first_of_each,
    index_of,
    take_or_none,
    take_or_null,
)

TEXTS = pa.chunked_array([["b", "a"], [None, "b", "c"]])


def test_texts_are_numbered_as_they_come_or_in_their_order() -> None:
    number, distinct = factorize(TEXTS)
    assert (number.tolist(), distinct.to_pylist()) == ([0, 1, NONE, 0, 2], ["b", "a", "c"])
    number, distinct = factorize_sorted(TEXTS)
    assert (number.tolist(), distinct.to_pylist()) == ([1, 0, NONE, 1, 2], ["a", "b", "c"])


def test_numbers_lead_back_to_the_texts_and_none_to_null() -> None:
    number, distinct = factorize_sorted(TEXTS)
    assert take_or_null(distinct, number).to_pylist() == TEXTS.to_pylist()
    assert take_or_null((), np.array([NONE, NONE])).to_pylist() == [None, None]


def test_a_text_that_is_not_among_others_has_no_position_there() -> None:
    assert index_of(TEXTS, pa.array(["c", "b"])).tolist() == [1, NONE, NONE, 1, 0]
    assert take_or_none(np.array([7, 8]), np.array([1, NONE, 0])).tolist() == [8, NONE, 7]


def test_the_first_of_each_number_is_told_in_the_order_of_the_numbers() -> None:
    assert first_of_each(np.array([5, 2, 5, 2, 9])).tolist() == [1, 0, 4]
