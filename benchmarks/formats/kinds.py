"""One kind of file: its bytes, the picture that was put into it, and how near it must come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""H x W x 3, RGB."""
WIDTH, HEIGHT = 151, 101
"""Odd, and no multiple of any tile's or block's side."""
LOSSLESS, LOSSY = 2.0, 12.0
"""Mean difference to the source of up to so many of 255 levels."""


@dataclass(frozen=True)
class Kind:
    """A kind of file. ``write`` raises where its writer does not know the kind."""

    name: str
    write: Callable[[], bytes]
    source: Callable[[], Image]
    near: float = LOSSLESS


@cache
def scene() -> Image:
    """A picture without symmetry, of all levels, smooth, with a hard edge."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    x, y = x / (WIDTH - 1), y / (HEIGHT - 1)
    waves = 40 * np.sin(9 * x) * np.cos(7 * y)
    blue = np.where((x < 0.4) & (y > 0.6), 230, 60) + 20 * np.sin(20 * x)
    picture = np.stack([25 + 180 * x + waves / 2, 30 + 170 * y - waves / 2, blue], axis=-1)
    low, high = picture.min((0, 1)), picture.max((0, 1))
    return ((picture - low) * 255 / (high - low)).astype(np.uint8)


@cache
def grey() -> Image:
    """The scene's green, in three equal channels."""
    return scene()[..., 1:2].repeat(3, axis=2)


def levels(count: int) -> NDArray[np.uint8]:
    """The grey scene (H x W) in so many levels, numbered from black."""
    return (scene()[..., 1].astype(int) * (count - 1) // 255).astype(np.uint8)


def of_levels(count: int) -> Image:
    """The picture that ``levels`` shows."""
    shades = (levels(count).astype(int) * 255 // (count - 1)).astype(np.uint8)
    return shades[..., None].repeat(3, axis=2)
