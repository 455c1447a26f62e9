"""TIFF: the layouts that Pillow does not read, or reads as another picture than the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.limits import check_size, check_tiles
from workers.images.pixels import depth_of
from workers.images.tiff_bytes import bands, grid_of
from workers.images.tiff_page import MAX_SAMPLES, Page, unsupported
from workers.images.tiff_samples import (
    Samples,
    Scale,
    extremes,
    has_own_range,
    may_be_multiplied,
    own_range,
    require_readable,
    samples_of,
    to_colours,
)
from workers.models.base import Image

BAND_SAMPLES = 3_000_000
"""Samples that are converted at a time, or those of one row."""
MAX_WIDTH = 1_000_000
"""Most pixels of a row of a page that is read here, since whole rows are converted."""


def check_page(page: Page, max_pixels: int) -> None:
    """Raise PhotoError for a page that is too large, or whose tiles are."""
    check_size(page.width, page.height, max_pixels)
    if page.tile is not None:
        check_tiles(*page.tile)
    if page.samples > MAX_SAMPLES:
        raise unsupported(page)


def pixels_of(page: Page) -> Image:
    """Read a page that Pillow does not read right, as it is stored, in 8-bit RGB."""
    require_readable(page)
    if page.width > MAX_WIDTH:
        raise PhotoError(Outcome.UNREADABLE, f"a TIFF whose rows have {page.width:,} pixels")
    scale = _scale(page)
    whole = np.empty((page.height, page.width, 3), np.uint8)
    for top, samples in _bands(page):
        whole[top : top + len(samples)] = to_colours(page, samples, scale)
    return whole


def _bands(page: Page) -> Iterator[tuple[int, Samples]]:
    """Read the page's samples from the top, some rows at a time, with the first row's number."""
    planes = page.colours + (page.associated is not None) if page.separate else 1
    grid, step = grid_of(page), max(1, BAND_SAMPLES // (page.width * page.samples))
    for top, unpacked in bands(page, grid, planes):
        for row in range(0, len(unpacked[0]), step):
            yield top + row, samples_of(page, grid, [plane[row : row + step] for plane in unpacked])


def _scale(page: Page) -> Scale:
    """Tell black and white; floats, signed and 32-bit numbers are looked through for it."""
    if has_own_range(page):
        scale = Scale(*own_range(page))
    else:
        ends = [extremes(page, samples) for _, samples in _bands(page)]
        scale = Scale(*depth_of(min(low for low, _ in ends), max(high for _, high in ends)))
    if page.associated is None:
        return scale
    held = all(may_be_multiplied(page, samples, scale) for _, samples in _bands(page))
    return replace(scale, multiplied=held)
