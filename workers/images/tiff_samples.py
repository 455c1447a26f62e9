"""Samples of a TIFF: from unpacked bytes to numbers, and from numbers to 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from workers.images.pixels import scaled
from workers.images.tiff_bytes import Bytes, Grid
from workers.images.tiff_page import (
    FLOAT,
    PALETTE,
    SEPARATED,
    SIGNED,
    UNSIGNED,
    WHITE_IS_ZERO,
    Page,
    unsupported,
)
from workers.models.base import Image

Samples = NDArray[Any]
"""Rows x columns x samples, in the machine's byte order."""

_TYPES = {
    **{(UNSIGNED, bits): f"u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{(SIGNED, bits): f"i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{(FLOAT, bits): f"f{bits // 8}" for bits in (16, 32, 64)},
    **{(4, bits): f"u{bits // 8}" for bits in (8, 16, 32)},  # undefined: taken for unsigned
}
_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES = 1, 2, 3
_MOST_PACKED_BITS = 31


def require_readable(page: Page) -> None:
    """Raise PhotoError for a page whose samples are of a kind that is not read."""
    whole = (page.number_format, page.bits) in _TYPES
    packed = page.number_format == UNSIGNED and 1 <= page.bits <= _MOST_PACKED_BITS
    predictor = page.fields.number(317, _NO_PREDICTOR)
    known = predictor in (_NO_PREDICTOR, *((_DIFFERENCES, _FLOAT_DIFFERENCES) if whole else ()))
    if predictor == _FLOAT_DIFFERENCES and page.number_format != FLOAT:
        known = False
    if page.photometric == SEPARATED and page.fields.number(332, 1) != 1:
        known = False  # inks that are not cyan, magenta, yellow and black
    if page.photometric == PALETTE and (page.number_format != UNSIGNED or page.bits > 16):
        known = False
    if not known or not (whole or packed) or page.samples < page.colours:
        raise unsupported(page)


def samples_of(page: Page, grid: Grid, planes: list[Bytes]) -> Samples:
    """Read a band's samples of every plane."""
    each = [_samples(page, grid, plane, 1 if page.separate else page.samples) for plane in planes]
    return each[0] if len(each) == 1 else np.concatenate(each, axis=2)


def _samples(page: Page, grid: Grid, lines: Bytes, count: int) -> Samples:
    rows, across = lines.shape[:2]
    letters = _TYPES.get((page.number_format, page.bits))
    predictor = page.fields.number(317, _NO_PREDICTOR)
    values: Samples
    if letters is None:
        values = _packed_numbers(lines, page.bits)[..., : grid.width * count]
    elif predictor == _FLOAT_DIFFERENCES:
        values = _float_differences(lines, page.bits // 8, count)
    else:
        values = np.ascontiguousarray(lines).view(page.fields.order + letters)
    values = values.reshape(rows, across, grid.width, count)
    if predictor == _DIFFERENCES:
        whole = values.view(f"{page.fields.order}u{page.bits // 8}")
        added = np.cumsum(whole, axis=2, dtype=whole.dtype.newbyteorder("="))
        values = added.view(values.dtype.newbyteorder("="))
    return values.reshape(rows, across * grid.width, count)[:, : page.width]


def _packed_numbers(lines: Bytes, bits: int) -> Samples:
    """Read numbers of any count of bits, the highest bit first."""
    single = np.unpackbits(lines, axis=-1)
    number = single.shape[-1] // bits
    single = single[..., : number * bits].reshape(*lines.shape[:2], number, bits)
    values: Samples = np.zeros(single.shape[:3], np.uint32)
    for bit in range(bits):
        values = (values << 1) | single[..., bit]
    return values


def _float_differences(lines: Bytes, size: int, count: int) -> Samples:
    """Undo the floating point predictor: bytes by their weight, then differences of bytes."""
    rows, across, length = lines.shape
    strided = lines.reshape(rows, across, length // count, count)
    added = np.cumsum(strided, axis=2, dtype=np.uint8).reshape(rows, across, size, -1)
    return np.ascontiguousarray(added.swapaxes(2, 3)).view(f">f{size}")[..., 0]


# -- numbers to colours ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers that black and white stand for, and whether transparency lies on the colours."""

    low: float
    high: float
    multiplied: bool = False


def has_own_range(page: Page) -> bool:
    """Whether black and white follow from the depth: unsigned numbers of up to 31 bits."""
    return page.number_format in (UNSIGNED, 4) and page.bits < 32


def own_range(page: Page) -> tuple[float, float]:
    """The least and the greatest number of the depth."""
    return 0, (1 << page.bits) - 1


def extremes(page: Page, samples: Samples) -> tuple[float, float]:
    """The least and the largest number; infinite ones and those that are none do not count."""
    colours = samples[..., : page.colours]
    finite = colours[np.isfinite(colours)] if colours.dtype.kind == "f" else colours
    return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)


def may_be_multiplied(page: Page, samples: Samples, scale: Scale) -> bool:
    """Whether no colour is brighter than its transparency could make it, as the file claims."""
    cover = to_bytes(samples[..., page.associated], scale).astype(np.int16)[..., None]
    return not (to_bytes(samples[..., : page.colours], scale) > cover + 1).any()


def to_colours(page: Page, samples: Samples, scale: Scale) -> Image:
    """Convert a band's samples to 8-bit RGB. Layers beyond the colours are dropped."""
    if page.photometric == PALETTE:
        return _palette(page)[np.minimum(samples[..., 0], (1 << page.bits) - 1)]
    colours = to_bytes(samples[..., : page.colours], scale)
    if page.photometric == SEPARATED:
        return np.asarray(Pillow.fromarray(np.ascontiguousarray(colours), "CMYK").convert("RGB"))
    if page.photometric == WHITE_IS_ZERO:
        colours = 255 - colours
    colours = _unmultiplied(page, colours, samples, scale)
    if page.colours > 1:
        return colours
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_GRAY2RGB), np.uint8)


def to_bytes(samples: Samples, scale: Scale) -> Bytes:
    """Scale numbers to 0..255."""
    low, high = scale.low, scale.high
    if samples.dtype.kind == "u" and low == 0:
        if high == 255:
            return samples.astype(np.uint8)
        if high == 65535:
            return (samples >> 8).astype(np.uint8)
    return scaled(samples.astype(np.float64), low, high)


def _unmultiplied(page: Page, colours: Bytes, samples: Samples, scale: Scale) -> Bytes:
    """Divide colours by the transparency that they were multiplied by; white where it hides all."""
    if page.associated is None or not scale.multiplied:
        return colours
    cover = to_bytes(samples[..., page.associated], scale).astype(np.int32)[..., None]
    divided = np.minimum(colours.astype(np.int32) * 255 // np.maximum(cover, 1), 255)
    return np.where(cover == 0, 255, divided).astype(np.uint8)


def _palette(page: Page) -> Image:
    """The colours of a palette (n x 3); some writers make them of 8 bits, not 16."""
    numbers = np.array(page.fields.numbers(320), np.uint32)
    count = 1 << page.bits
    if numbers.size < 3 * count:
        raise unsupported(page)
    colours = numbers[: 3 * count].reshape(3, count).T
    return (colours >> (8 if colours.max() > 255 else 0)).astype(np.uint8)
