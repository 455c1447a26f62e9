"""Sessions of one model by the shape of their input: what CUDA's provider plans, it plans once.

CUDA's provider of onnxruntime keeps one plan for each convolution, that of the latest shape. Every
other shape makes it plan all of them anew, which takes a small network a quarter of a second; the
run itself takes milliseconds (https://github.com/microsoft/onnxruntime/issues/23006; measured in
docs/gpu.md). A session that sees one shape alone keeps its plans.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MOST_SHAPES = 32
"""Sessions kept: three shapes of each of a profile's passes, in batches of three sizes, and some.
Each has the network's weights and its own buffers on the device."""

Opened = TypeVar("Opened")


class ByShape(Generic[Opened]):
    """Sessions of one model, one for each of the latest shapes. May be called from many threads.

    ``first`` is open already and serves the first shape. ``again`` opens another; None where one
    session serves all shapes as well.
    """

    def __init__(
        self, first: Opened, again: Callable[[], Opened] | None, most: int = MOST_SHAPES
    ) -> None:
        self.first = first
        self._again = again
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Opened] = OrderedDict()

    def at(self, shape: Hashable) -> Opened:
        """Session for a shape; opened where none is kept."""
        if self._again is None:
            return self.first
        with self._lock:
            session = self._kept.pop(shape, None)
            if session is None:
                session = self._again() if self._kept else self.first
            self._kept[shape] = session
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return session
