"""Pairs of numbers as one 64-bit key each, so that many millions can be sorted by all threads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
"""K pairs: the lower number of each in the upper half, the higher one in the lower half."""
NO_KEYS: Keys = np.zeros(0, np.int64)


def keyed(one: NDArray[np.integer], other: NDArray[np.integer]) -> Keys:
    """Keys of pairs of numbers below 2 ** 31."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    return np.asarray((low.astype(np.int64) << 32) | high, np.int64)


def lower(keys: Keys) -> NDArray[np.int32]:
    """The lower number of each pair."""
    return (keys >> 32).astype(np.int32)


def higher(keys: Keys) -> NDArray[np.int32]:
    """The higher number of each pair."""
    return (keys & 0xFFFFFFFF).astype(np.int32)


def each_once(*parts: Keys) -> Keys:
    """Sorted keys of all parts, each once."""
    keys = np.concatenate([NO_KEYS, *parts])
    keys.sort()  # numpy.unique hashes, which takes four times as long
    return np.asarray(keys[np.diff(keys, prepend=-1) > 0], np.int64)


def between(one: NDArray[np.integer], other: NDArray[np.integer]) -> Keys:
    """Sorted keys of the pairs of two different numbers, each once."""
    differ = one != other
    return each_once(keyed(one[differ], other[differ]))


def buckets(parts: Sequence[Keys], count: int, number: int) -> list[list[Keys]]:
    """Cut sorted parts, of numbers below ``count``, into ``number`` buckets of slices.

    Every key of a bucket is lower than every key of the next.
    """
    bounds = np.linspace(0, count, number + 1).astype(np.int64) << 32
    sliced: list[list[Keys]] = [[] for _ in range(number)]
    for part in parts:
        cuts = np.searchsorted(part, bounds).tolist()
        for bucket, (start, end) in zip(sliced, pairwise(cuts), strict=True):
            if start < end:
                bucket.append(part[start:end])
    return sliced
