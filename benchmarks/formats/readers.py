"""Independent readers: each gives 8-bit RGB by the rules of docs/photos.md, or None."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pyvips
import tifffile
from numpy.typing import NDArray

from benchmarks.formats.kinds import Image

Array = NDArray[Any]


def readings(data: bytes) -> dict[str, Image]:
    """Read a file by every reader that takes it."""
    found = {}
    for name, read in READERS.items():
        with suppress(Exception):  # a reader says in its own way that it does not know a kind
            if (picture := read(data)) is not None:
                found[name] = picture
    return found


def _by_tifffile(data: bytes) -> Image | None:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        values = page.asarray()
        if page.planarconfig == 2 and values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
        photometric = int(page.photometric)
        if photometric == 3:
            ramp = np.asarray(page.colormap).T >> 8
            return ramp[values].astype(np.uint8)
        if page.dtype is not None and page.bitspersample not in (8, 16, 32, 64):
            return _three(values.astype(float) * 255 / ((1 << page.bitspersample) - 1))
        deep = _eighth(values)
        if photometric == 0:
            deep = 255 - deep
        if photometric == 5:
            return _of_inks(deep)
        return _three(deep)


def _by_vips(data: bytes) -> Image | None:
    picture = pyvips.Image.new_from_buffer(data, "")
    values = picture.numpy()
    if picture.hasalpha() and data[:2] not in (b"II", b"MM"):
        cover = _eighth(values[..., -1:]).astype(int)
        colours = _three(_eighth(values[..., :-1])).astype(int)
        return ((colours * cover + 255 * (255 - cover)) // 255).astype(np.uint8)
    deep = _eighth(values)
    return _of_inks(deep) if picture.interpretation == "cmyk" else _three(deep)


def _by_opencv(data: bytes) -> Image | None:
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        return None
    if values.ndim == 3:
        values = np.concatenate([values[..., 2::-1], values[..., 3:]], axis=2)
    deep = _eighth(values)
    if deep.ndim == 3 and deep.shape[2] == 4 and data[:2] not in (b"II", b"MM"):
        cover = deep[..., 3:].astype(int)
        return ((deep[..., :3] * cover + 255 * (255 - cover)) // 255).astype(np.uint8)
    return _three(deep)


def _by_imagecodecs(data: bytes) -> Image | None:
    for start, read in (
        (b"\xff\xd8", imagecodecs.jpeg8_decode),
        (b"\x89PNG", imagecodecs.png_decode),
        (b"RIFF", imagecodecs.webp_decode),
        (b"\0\0\0\x0cjP", imagecodecs.jpeg2k_decode),
        (b"\xff\x4f\xff\x51", imagecodecs.jpeg2k_decode),
        (b"GIF8", imagecodecs.gif_decode),
        (b"BM", imagecodecs.bmp_decode),
    ):
        if data.startswith(start):
            values = read(data)
            if values.ndim == 3 and values.shape[2] in (2, 4) and start != b"\xff\xd8":
                return None  # its alpha is the other readers' part
            return _three(_eighth(values))
    return None


READERS: dict[str, Callable[[bytes], Image | None]] = {
    "tifffile": _by_tifffile,
    "libvips": _by_vips,
    "OpenCV": _by_opencv,
    "imagecodecs": _by_imagecodecs,
}


def _eighth(values: Array) -> Array:
    """Numbers of any type as 8 bits: unsigned of up to 16 by their depth, others by their ends."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    known = values.astype(float)
    low, high = float(known.min()), float(known.max())
    tops = [top for top in (1, 255, 65535) if low >= 0 and high <= top]
    low, high = (0, tops[0]) if tops else (low, high)
    return ((known - low) * 255 / max(high - low, 1e-9)).astype(np.uint8)


def _three(values: Array) -> Image:
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] < 3:
        values = values[..., :1].repeat(3, axis=2)
    return values[..., :3].astype(np.uint8)


def _of_inks(values: Array) -> Image:
    inks = 255 - values[..., :4].astype(int)
    return (inks[..., :3] * inks[..., 3:] // 255).astype(np.uint8)
