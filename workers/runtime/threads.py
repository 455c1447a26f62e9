"""Pools of threads: bounded, ordered work; the matrix library is kept to one thread in each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

In = TypeVar("In")
Out = TypeVar("Out")


@contextmanager
def own_threads() -> Iterator[Executor]:
    """A pool with a thread per core; the matrix library runs one thread in each meanwhile."""
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


def ordered_map(
    pool: Executor, work: Callable[[In], Out], items: Iterable[In], *, ahead: int
) -> Iterator[Out]:
    """Yield ``work(item)`` of each item in order, with at most ``ahead`` begun or waiting.

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
