"""Requests of many threads to one network, run together, to fill a GPU.

A GPU does sixteen faces in little more time than one, and no single photo has that many. The
requests that wait when the network is free are its next batch: none is held back for later ones.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.errors import TransientError
from workers.models.session import Network

SIZES = (1, 4, 8, 16, 32, 64)
"""Batches are filled up to one of these: a GPU chooses its algorithms anew for every new shape."""
MOST_VALUES = 3 * 16_000_000
"""Input values of a batch of several, at most: 32 images of 640 x 640, 4 of 1448 x 1448."""

Array = NDArray[Any]
Split = Callable[[list[Array], int], list[Array]]
"""Splits the outputs of a batch of this size: arrays whose first axis is the batch."""


def by_first_axis(outputs: list[Array], count: int) -> list[Array]:
    """Outputs whose first axis is the batch already. Raises TransientError for another length."""
    if any(len(output) != count for output in outputs):
        raise TransientError(f"the network gave other than {count} results for a batch of {count}")
    return outputs


class Batched:
    """A network of one input whose requests, N x ..., are run together where they are alike.

    May be called from many threads. Where a batch fails, each of its requests is run
    alone, so that only those at fault get an error. ``sizes`` are those to which batches are
    filled up, ascending. The thread that runs batches ends with ``close``, or when nothing refers
    to this any more.
    """

    def __init__(
        self, network: Network, split: Split = by_first_axis, *, sizes: Sequence[int] = SIZES
    ) -> None:
        self.provider, self.inputs, self.outputs = (
            network.provider,
            network.inputs,
            network.outputs,
        )
        self._lock = threading.Lock()
        self._closed = False
        self._runner = _Runner(network, split, sizes)
        self._thread = threading.Thread(target=self._runner.serve, name="batches", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._runner.asked.put, None)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Run the network; every output for this input.

        Raises TransientError where the device failed, and once this is closed.
        """
        [(name, values)] = feeds.items()
        request = _Request(name, values)
        with self._lock:
            if self._closed:
                raise TransientError("the network takes no more: its worker ends")
            self._runner.asked.put(request)
        return request.answer.result()

    @property
    def waiting(self) -> int:
        """Number of requests that wait for the next batch, about."""
        return self._runner.asked.qsize()

    @property
    def filling(self) -> float:
        """Mean number of rows of a batch, before it was filled up."""
        return self._runner.rows / max(1, self._runner.batches)

    def close(self) -> None:
        """Answer the requests that wait, then refuse further ones."""
        with self._lock:
            self._closed = True
            self._runner.asked.put(None)
        self._thread.join()


class _Runner:
    """The running thread's state, which does not refer back to ``Batched``."""

    def __init__(self, network: Network, split: Split, sizes: Sequence[int]) -> None:
        self.asked: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self.batches = self.rows = 0
        self._network, self._split, self._sizes = network, split, sizes

    def serve(self) -> None:
        """Run batch after batch, until None is taken and every request before it is answered."""
        waiting: deque[_Request] = deque()
        request: _Request | None
        while True:
            if not waiting:
                request = self.asked.get()
                if request is None:
                    return
                waiting.append(request)
            while not self.asked.empty():
                request = self.asked.get()
                if request is None:
                    self.asked.put(None)  # after the last batch
                    break
                waiting.append(request)
            batch = _alike(waiting, self._sizes)
            self.batches += 1
            self.rows += sum(len(request.values) for request in batch)
            self._answer(batch)
            batch, request = [], None  # a thread that waits holds no caller's pixels

    def _answer(self, batch: Sequence[_Request]) -> None:
        try:
            for request, outputs in zip(batch, self._run(batch), strict=True):
                request.answer.set_result(outputs)
        except BaseException as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for request in batch:
                self._answer([request])

    def _run(self, batch: Sequence[_Request]) -> list[list[Array]]:
        values = _filled(np.concatenate([request.values for request in batch]), self._sizes)
        outputs = self._split(self._network.run({batch[0].name: values}), len(values))
        ends = np.cumsum([len(request.values) for request in batch])
        each = [np.split(output, ends)[:-1] for output in outputs]  # the last is what was filled in
        return [list(parts) for parts in zip(*each, strict=True)]


class _Request:
    """One thread's input, N x ..., and the answer it waits for."""

    def __init__(self, name: str, values: Array) -> None:
        self.name, self.values = name, values
        self.answer: Future[list[Array]] = Future()


def _alike(waiting: deque[_Request], sizes: Sequence[int]) -> list[_Request]:
    """Take the first request and those of its shape that fit into one batch with it."""
    first = waiting.popleft()
    fits = MOST_VALUES // max(1, first.values[:1].size)
    room = max((size for size in sizes if size <= fits), default=1) - len(first.values)
    batch, others = [first], deque[_Request]()
    while waiting:
        request = waiting.popleft()
        alike = request.name == first.name and request.values.shape[1:] == first.values.shape[1:]
        if alike and len(request.values) <= room:
            batch.append(request)
            room -= len(request.values)
        else:
            others.append(request)
    waiting.extend(others)
    return batch


def _filled(values: Array, sizes: Sequence[int]) -> Array:
    """Fill the batch up with rows of zeros to the next of these sizes."""
    size = next((size for size in sizes if size >= len(values)), len(values))
    if size == len(values):
        return values
    return np.concatenate([values, np.zeros((size - len(values), *values.shape[1:]), values.dtype)])
