"""Memory of the GPUs that the driver shows this process, read from NVIDIA's management library.

The library comes with the driver, so nothing is installed for it. Source of its functions: the NVML
API reference (nvmlDeviceGetMemoryInfo and what leads to it).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache

from headcount.telemetry.collectors import CardMemory

LIBRARY = "libnvidia-ml.so.1"


class _Memory(ctypes.Structure):
    """NVML's nvmlMemory_t, in bytes."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


@cache
def _opened(library: str) -> ctypes.CDLL | None:
    """The library, initialised once for the process; None where there is no driver."""
    try:
        nvml = ctypes.CDLL(library)
        return None if nvml.nvmlInit_v2() else nvml
    except (OSError, AttributeError):
        return None


def cards(library: str = LIBRARY) -> Iterator[CardMemory]:
    """Yield the memory of each GPU that tells it; one that is cut into slices does not."""
    nvml, count = _opened(library), ctypes.c_uint()
    if nvml is None or nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return
    for index in range(count.value):
        device, memory = ctypes.c_void_p(), _Memory()
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)):
            continue
        if not nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)):
            yield CardMemory(str(index), used=memory.used, total=memory.total)
