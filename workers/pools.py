"""Bounded, ordered work in threads: what comes in goes out in the same order, a few ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def ordered_map(
    pool: Executor, work: Callable[[In], Out], items: Iterable[In], *, ahead: int
) -> Iterator[Out]:
    """``work`` of each item in order, at most ``ahead`` of them started or waiting at once.

    The memory of a stage is therefore ``ahead`` results, whatever the number of items.
    """
    waiting: deque[Future[Out]] = deque()
    try:
        for item in items:
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
            waiting.append(pool.submit(work, item))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
