"""Columns of texts as numbers, to sort, count and join them without a Python object for each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
NONE = -1
"""The number of no text."""


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def factorize(column: pa.ChunkedArray | pa.Array) -> tuple[Numbers, pa.Array]:
    """The number of each text, NONE for null, and the distinct texts in order of appearance."""
    encoded = one_array(column).dictionary_encode()
    return _numbers(encoded.indices), encoded.dictionary


def factorize_sorted(column: pa.ChunkedArray | pa.Array) -> tuple[Numbers, pa.Array]:
    """Numbers and distinct texts as factorize gives them, with the texts sorted."""
    number, distinct = factorize(column)
    order = pc.sort_indices(distinct)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return take_or_none(rank, number), distinct.take(order)


def index_of(column: pa.ChunkedArray | pa.Array, texts: pa.ChunkedArray | pa.Array) -> Numbers:
    """The index of each text of a column among the distinct ``texts``; NONE where it is not."""
    return _numbers(one_array(pc.index_in(column, value_set=one_array(texts))))


def _numbers(indices: pa.Array) -> Numbers:
    numbers = indices.fill_null(NONE).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, np.int64)


def take_or_none(values: Numbers, at: Numbers) -> Numbers:
    """``values`` at these indices; NONE at NONE."""
    return np.append(values, NONE)[at]


def take_or_null(
    texts: pa.ChunkedArray | pa.Array | Sequence[str], at: NDArray[np.integer]
) -> pa.Array:
    """The texts at these indices; null at NONE."""
    values = (
        texts if isinstance(texts, (pa.Array, pa.ChunkedArray)) else pa.array(texts, pa.string())
    )
    return one_array(values).take(pa.array(at, pa.int64(), mask=at == NONE))


def isin(column: pa.ChunkedArray | pa.Array, texts: Collection[str]) -> pa.ChunkedArray | pa.Array:
    """A mask of the texts of a column that are one of ``texts``."""
    return pc.is_in(column, value_set=pa.array(sorted(texts), pa.string()))


def as_bool(column: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    """A column of booleans as an array; null is False."""
    values = pc.fill_null(one_array(column), False)
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def free_unused() -> None:
    """Give memory of deleted columns, which Arrow would keep, back to the system."""
    pa.default_memory_pool().release_unused()


def first_of_each(numbers: Numbers) -> Numbers:
    """The index of the first of each distinct number, in the order of the numbers."""
    return np.unique(numbers, return_index=True)[1]
