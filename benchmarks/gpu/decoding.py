"""Stage d: decoding alone, by the CPU in threads, and by nvImageCodec in hardware and by CUDA.

nvImageCodec decodes JPEGs on a GPU with libnvjpeg alone, which its wheel does not bring: without
the wheel nvidia-nvjpeg (or CUDA's toolkit) it has no decoder for them.
"""

from __future__ import annotations

import ctypes
import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.asked import Asked, photos_of
from benchmarks.gpu.budget import Deadline
from benchmarks.gpu.engine import MOST_PIXELS
from benchmarks.gpu.watch import watched
from workers.images.decode import decode

BATCH = 16
"""Photos that nvImageCodec is given at once."""
GPU_WAYS = ("HW_GPU_ONLY", "GPU_ONLY", "HYBRID_CPU_GPU")
"""By the decoder in hardware, by CUDA, and by the CPU and CUDA together."""
CPU_WAYS = ("CPU_ONLY",)
"""Without a GPU: to see that the way there works."""


def measure(asked: Asked, deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Measure the CPU at all sizes, then each way of nvImageCodec."""
    figures: dict[str, Any] = {"rows": []}
    ways = ("cpu", *(GPU_WAYS if asked.provider != "cpu" else CPU_WAYS))
    for way, size in itertools.product(ways, asked.sizes):
        if not deadline.allows(2 * asked.cell):
            break
        row: dict[str, Any] = {"way": way, "megapixels": size}
        does = on_cpu if way == "cpu" else by_codec
        try:
            row |= does(photos_of(asked, size), way, max(asked.threads), asked.cell)
        except Exception as error:  # of a library that is missing, or of its driver
            row |= {"photos_per_second": None, "reason": f"{type(error).__name__}: {error}"[:300]}
        figures["rows"].append(row)
        save(figures)
    return figures


def on_cpu(photos: Sequence[Path], _: str, threads: int, seconds: float) -> dict[str, Any]:
    """Measure photos per second as a worker decodes them, in so many threads and in one."""
    files = [photo.read_bytes() for photo in photos]
    return {
        "photos_per_second": _by_threads(files, threads, seconds),
        "by_one_thread": _by_threads(files, 1, seconds),
        "threads": threads,
    }


def _by_threads(files: Sequence[bytes], threads: int, seconds: float) -> float:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_pixels, files[:threads]))
        began = time.perf_counter()
        counts = pool.map(lambda first: _count(files, first, began + seconds), range(threads))
        return sum(counts) / (time.perf_counter() - began)


def _count(files: Sequence[bytes], first: int, end: float) -> int:
    for number in itertools.count(1):
        _pixels(files[(first + number) % len(files)])
        if time.perf_counter() >= end:
            return number
    return 0


def _pixels(data: bytes) -> NDArray[np.uint8]:
    return decode(data, max_pixels=MOST_PIXELS, min_long_side=0).image


def by_codec(photos: Sequence[Path], way: str, threads: int, seconds: float) -> dict[str, Any]:
    """Measure nvImageCodec, photos left on its device and brought back, and compare pixels."""
    from nvidia import nvimgcodec

    files = [photo.read_bytes() for photo in photos]
    device = {"device_id": nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY} if way in CPU_WAYS else {}
    backend = nvimgcodec.Backend(getattr(nvimgcodec.BackendKind, way))
    decoder = nvimgcodec.Decoder(backends=[backend], max_num_cpu_threads=threads, **device)
    first = decoder.decode(files[:BATCH])
    if any(image is None for image in first):
        return {"photos_per_second": None, "reason": "it has no decoder for these photos"}
    with watched() as gpu:
        there = _rate(files, seconds, decoder.decode)
        back = _rate(files, seconds, lambda b: [image.cpu() for image in decoder.decode(b)])
    return {
        "photos_per_second": there,
        "brought_back_per_second": back,
        **differences([np.asarray(image.cpu()) for image in first], files[:BATCH]),
        **gpu.summary(),
    }


def _rate(files: Sequence[bytes], seconds: float, work: Callable[[Any], object]) -> float:
    batches = [list(files[n : n + BATCH]) for n in range(0, len(files), BATCH)]
    began, done = time.perf_counter(), 0
    for batch in itertools.cycle(batches):
        work(batch)
        _wait_for_gpu()
        done += len(batch)
        if time.perf_counter() - began >= seconds:
            break
    return done / (time.perf_counter() - began)


def _wait_for_gpu() -> None:
    """Wait until the GPU has done what this thread asked of it; nothing to wait for without one."""
    try:
        ctypes.CDLL("libcuda.so.1").cuCtxSynchronize()
    except OSError:
        return


def differences(images: Sequence[NDArray[Any]], files: Sequence[bytes]) -> dict[str, float]:
    """Compare pixels with those that a worker decodes, in steps of 0 to 255."""
    most, total, unequal, count = 0, 0.0, 0, 0
    for image, data in zip(images, files, strict=True):
        apart = np.abs(np.asarray(image, np.int16) - _pixels(data).astype(np.int16))
        most = max(most, int(apart.max()))
        total += float(apart.sum())
        unequal += int((apart > 0).sum())
        count += apart.size
    return {
        "most_apart": most,
        "mean_apart": total / count,
        "equal_share": 1 - unequal / count,
    }
