"""Pools of threads: bounded, ordered work; the matrix library is kept to one thread in each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

from headcount.settings import usable_cores

In = TypeVar("In")
Out = TypeVar("Out")


@contextmanager
def own_threads() -> Iterator[Executor]:
    """Pool of a thread per usable core; the matrix library has one thread in each meanwhile."""
    with threadpool_limits(1), ThreadPoolExecutor(usable_cores()) as pool:
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
