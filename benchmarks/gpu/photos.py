"""Photos of each size, made of a few: enlarged, and encoded again as baseline JPEGs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.gpu.asked import Asked
from benchmarks.gpu.budget import Deadline

SUFFIXES = (".jpg", ".jpeg")
MOST_SOURCES = 12
"""So many photos are enlarged; further ones of a size are the same with another comment."""
QUALITY = 90
MOST_COMMENT = 32


def measure(asked: Asked, deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Make the photos of all sizes, the smallest first."""
    sources = chosen_evenly(Path(asked.photos), MOST_SOURCES)
    figures: dict[str, Any] = {"sources": len(sources), "sizes": {}}
    for megapixels in sorted(asked.sizes):
        began = time.perf_counter()
        place = asked.work / "photos" / f"{megapixels:02d}"
        place.mkdir(parents=True, exist_ok=True)
        made = [enlarged(source, megapixels) for source in sources[: asked.each]]
        for number in range(asked.each):
            data = with_comment(made[number % len(made)], number)
            (place / f"{number:05d}.jpg").write_bytes(data)
        figures["sizes"][str(megapixels)] = {
            "photos": asked.each,
            "megabytes_each": round(sum(map(len, made)) / len(made) / 1e6, 3),
            "seconds": round(time.perf_counter() - began, 2),
        }
        save(figures)
        if not deadline.left():
            break
    return figures


def chosen_evenly(folder: Path, most: int) -> list[Path]:
    """Choose so many JPEGs of a folder, evenly by name. Raises SystemExit."""
    every = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not every:
        raise SystemExit(f"there is no .jpg in {folder}")
    return [every[n * len(every) // most] for n in range(most)] if len(every) > most else every


def enlarged(photo: Path, megapixels: int) -> bytes:
    """Enlarge a photo to so many million pixels, as a baseline JPEG."""
    image = cv2.imdecode(np.fromfile(photo, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"{photo} cannot be decoded")
    factor = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    larger = cv2.resize(image, size, interpolation=method)
    return cv2.imencode(".jpg", larger, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def with_comment(jpeg: bytes, number: int) -> bytes:
    """Change a JPEG's bytes and no pixel: a comment (COM) behind the start of the image."""
    text = f"photo {number}".encode()[:MOST_COMMENT]
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
