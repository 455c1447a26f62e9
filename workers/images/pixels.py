"""Pixels of any Pillow mode, converted to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from workers.models.base import Image

WHOLE_PIXELS, BAND_PIXELS = 16_000_000, 2_000_000
"""Pictures above the first are converted in bands of the second, so that what the conversion takes
does not grow with them."""


def to_rgb(picture: Pillow.Image) -> Image:
    """Convert any mode to 8-bit RGB: deep greys are scaled, not clipped; transparency is white."""
    convert = _conversion_of(picture)
    if picture.width * picture.height <= WHOLE_PIXELS:
        return np.asarray(convert(picture))
    whole = np.empty((picture.height, picture.width, 3), np.uint8)
    for top, band in _bands(picture):
        whole[top : top + band.height] = np.asarray(convert(band))
    return whole


def _conversion_of(picture: Pillow.Image) -> Callable[[Pillow.Image], Pillow.Image]:
    if picture.mode.startswith("I;16"):
        return _high_bytes
    if picture.mode.startswith(("I", "F")):
        low, high = depth_of(*_extremes(picture))
        return lambda band: Pillow.fromarray(scaled(_values(band), low, high)).convert("RGB")
    if picture.has_transparency_data and not _is_unused(picture):
        return _on_white
    return lambda band: band if band.mode == "RGB" else band.convert("RGB")


def _is_unused(picture: Pillow.Image) -> bool:
    """Whether a BMP's fourth channel is empty: most writers mean no transparency by it."""
    return picture.format in ("BMP", "DIB") and picture.getextrema()[-1] == (0, 0)


def _bands(picture: Pillow.Image) -> Iterator[tuple[int, Pillow.Image]]:
    """Cut the picture into bands of whole rows, each with its top row's number."""
    rows = max(1, BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _high_bytes(band: Pillow.Image) -> Pillow.Image:
    return Pillow.fromarray((np.asarray(band) >> 8).astype(np.uint8)).convert("RGB")


def _on_white(band: Pillow.Image) -> Pillow.Image:
    layer = band.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _values(band: Pillow.Image) -> NDArray[np.float64]:
    return np.asarray(band, np.float64)


def _extremes(picture: Pillow.Image) -> tuple[float, float]:
    ends = [(0.0, 0.0)]
    for _, band in _bands(picture):
        values = _values(band)
        finite = values[np.isfinite(values)]
        ends += [(finite.min(), finite.max())] if finite.size else []
    found = ends[1:] or ends
    return float(min(low for low, _ in found)), float(max(high for _, high in found))


def depth_of(low: float, high: float) -> tuple[float, float]:
    """Black and white of deep greys: of the depth that their extremes fit, or these extremes.

    The depths are 0 to 1, to 255 and to 65535; numbers within none of them have no other meaning
    that a file tells, so that their least is black and their largest white.
    """
    if low >= 0:
        for top in (1.0, 255.0, 65535.0):
            if high <= top:
                return 0.0, top
    return (low, high) if low <= high else (0.0, 1.0)


def scaled(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    """Scale numbers to 0..255; those that are no numbers are black."""
    known = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return ((known - low) * (255.0 / max(high - low, 1e-12))).clip(0, 255).astype(np.uint8)
