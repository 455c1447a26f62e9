"""How busy a GPU is and how much of its memory is taken, asked of NVIDIA's NVML meanwhile."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LIBRARY = "libnvidia-ml.so.1"
EACH = 0.1
"""Seconds between two looks; the driver makes a new figure four to six times a second."""


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_ulonglong) for name in ("total", "free", "used"))


@dataclass(slots=True)
class Watched:
    """Samples of a GPU: shares of time in which it computed, bytes taken."""

    busy: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)

    def summary(self) -> dict[str, float | int | None]:
        """Mean share and peak memory; None without a GPU."""
        return {
            "gpu_busy": round(sum(self.busy) / len(self.busy), 3) if self.busy else None,
            "gpu_memory": max(self.bytes, default=None),
        }


@contextmanager
def watched(device: int = 0) -> Iterator[Watched]:
    """Watch a GPU until the block ends; without one there is nothing to see."""
    seen, over = Watched(), threading.Event()
    looks = threading.Thread(target=_look, args=(device, seen, over), daemon=True)
    looks.start()
    try:
        yield seen
    finally:
        over.set()
        looks.join()


def _look(device: int, seen: Watched, over: threading.Event) -> None:
    try:
        nvml = ctypes.CDLL(LIBRARY)
    except OSError:
        return
    handle = ctypes.c_void_p()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByIndex_v2(device, ctypes.byref(handle)):
        return
    while not over.wait(EACH):
        used, memory = _Utilization(), _Memory()
        if nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(used)) == 0:
            seen.busy.append(used.gpu / 100)
        if nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0:
            seen.bytes.append(memory.used)
