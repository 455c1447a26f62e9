"""Decoding: from the bytes of a photo to upright RGB pixels, within limits.

Pillow reads every header, and the pixels of all but ordinary JPEGs, which libjpeg-turbo decodes
directly. Sizes are checked before pixels are decoded. Whatever is wrong is a PhotoError.
"""

from __future__ import annotations

import ctypes
import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from pillow_heif import register_heif_opener

from headcount.errors import PhotoError
from headcount.records import Outcome
from workers.jpeg import decode_jpeg
from workers.models.base import Image

FORMATS = (
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "HEIF", "AVIF"),
    *("PPM", "JPEG2000"),
)
"""What Pillow may try: formats that run other programs, or are no photos, are left out."""

_SCALABLE = ("JPEG", "MPO")
"""Formats that decode smaller; MPO is what Pillow calls a phone's JPEG with a second picture."""

_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[Image], cv2.typing.MatLike]] = {
    2: lambda stored: cv2.flip(stored, 1),
    3: lambda stored: cv2.rotate(stored, cv2.ROTATE_180),
    4: lambda stored: cv2.flip(stored, 0),
    5: cv2.transpose,
    6: lambda stored: cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE),
    7: lambda stored: cv2.flip(cv2.transpose(stored), -1),
    8: lambda stored: cv2.rotate(stored, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""How the stored pixels of each EXIF orientation become upright."""
_TURNS = (b"irot", b"imir")
"""The boxes by which a HEIC says how it is turned (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""

register_heif_opener(thumbnails=False)
Pillow.init()  # all plug-ins, once; later it would race between threads
Pillow.MAX_IMAGE_PIXELS = None  # the limit is the caller's, checked before decoding
warnings.filterwarnings("ignore", module=r"PIL\..*")


def _hush_libtiff() -> None:
    """Keep the libtiff of Pillow's wheel from printing what it thinks of a damaged file."""
    for library in Path(Pillow.__file__).parents[1].glob("pillow.libs/libtiff*"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)


_hush_libtiff()


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright photo.

    ``width`` and ``height`` are those of the full photo, ``image`` is it at ``scale`` (at most 1).
    """

    image: Image
    scale: float
    width: int
    height: int
    orientation: int
    format: str

    def reaches(self, long_side: int) -> bool:
        """Whether the image is this long, or all there is."""
        return self.scale >= 1 or max(self.image.shape[:2]) >= long_side


class Picture:
    """A photo's bytes, decoded when pixels are asked for, and again only when more are.

    ``max_pixels`` bounds what is decoded at all. Not for more than one thread at a time.
    """

    def __init__(self, data: bytes, *, max_pixels: int) -> None:
        self._data = data
        self._max_pixels = max_pixels
        self._decoded: Decoded | None = None

    def at_least(self, long_side: int) -> Decoded:
        """The photo at the smallest scale whose long side is >= ``long_side``, or in full.

        What was decoded before at that scale or a larger one is given again. Raises PhotoError.
        """
        if self._decoded is None or not self._decoded.reaches(long_side):
            self._decoded = decode(self._data, max_pixels=self._max_pixels, min_long_side=long_side)
        return self._decoded

    def full(self) -> Decoded:
        """The photo with every pixel it has. Raises PhotoError."""
        if self._decoded is None or self._decoded.scale < 1:
            self._decoded = decode(self._data, max_pixels=self._max_pixels, min_long_side=0)
        return self._decoded


def decode(data: bytes, *, max_pixels: int, min_long_side: int) -> Decoded:
    """Decode a photo, upright, at the smallest scale whose long side is >= ``min_long_side``.

    JPEGs can be decoded at 1/2, 1/4 and 1/8; others come in full, as does everything with
    ``min_long_side`` 0. Of an animation the first frame counts. Raises PhotoError.
    """
    if not data:
        raise PhotoError(Outcome.UNREADABLE, "empty file")
    try:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
            _heed_exif(picture, data)
            return _decoded(picture, data, max_pixels, min_long_side)
    except UnidentifiedImageError as error:
        raise PhotoError(Outcome.UNREADABLE, "not an image that headcount reads") from error
    except PhotoError:
        raise
    except Exception as error:  # struct.error, zlib.error, ...: decoders have no common error
        raise PhotoError(Outcome.UNREADABLE, _reason(error)) from error


def _reason(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    if "truncated" in text.lower() or "premature" in text.lower():
        return "truncated file"
    if isinstance(error, MemoryError):
        return "too little memory to decode it"
    return f"damaged: {text or type(error).__name__}"[:120]


def _decoded(picture: Pillow.Image, data: bytes, max_pixels: int, min_long_side: int) -> Decoded:
    width, height = picture.size
    if width * height > max_pixels:
        raise PhotoError(
            Outcome.TOO_LARGE, f"{width} x {height} pixels, more than the limit of {max_pixels:,}"
        )
    if width < 1 or height < 1:
        raise PhotoError(Outcome.UNREADABLE, "an image without pixels")
    kind = picture.format or "?"
    orientation = picture.info.get("original_orientation") or _orientation(picture)
    if kind in _SCALABLE:
        pixels = _jpeg_pixels(picture, data, _factor(max(width, height), min_long_side))
    else:
        picture.load()
        width, height = picture.size  # a damaged HEIC may hold other pixels than its header said
        pixels = np.asarray(to_rgb(picture))
    left = _orientation(picture)  # by now Pillow has turned a TIFF, and pillow_heif a HEIC
    scale = max(pixels.shape[:2]) / max(width, height)
    if left in _UPRIGHT:
        pixels = np.asarray(_UPRIGHT[left](pixels), np.uint8)
    if left >= 5:
        width, height = height, width
    return Decoded(
        pixels,
        *(scale, width, height),
        orientation if orientation in _UPRIGHT else 1,
        kind,
    )


def _jpeg_pixels(picture: Pillow.Image, data: bytes, factor: int) -> Image:
    """The stored pixels of a JPEG at 1 / ``factor``: by Pillow unless it is whole and ordinary."""
    if picture.mode in ("RGB", "L"):
        pixels = decode_jpeg(data, picture.width, picture.height, factor)
        if pixels is not None:
            return pixels
    if factor > 1:
        picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))
    picture.load()
    return np.asarray(to_rgb(picture))


def _heed_exif(picture: Pillow.Image, data: bytes) -> None:
    """Bring back the EXIF orientation of a HEIC that does not say itself how it is turned.

    pillow_heif sets it aside, since the boxes overrule it; converters copy it without a box.
    """
    turned = picture.info.get("original_orientation")
    if turned and not any(box in data for box in _TURNS):
        picture.getexif()[_ORIENTATION] = turned


def _orientation(picture: Pillow.Image) -> int:
    """The EXIF orientation; 1 where there is none, or none that means something."""
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged metadata of a photo that may be whole
        return 1
    return value if value in _UPRIGHT else 1


def _factor(longest: int, min_long_side: int) -> int:
    """By how much a JPEG is decoded smaller; a least long side of 0 asks for it in full."""
    if not min_long_side:
        return 1
    return next((factor for factor in (8, 4, 2) if longest // factor >= min_long_side), 1)


def to_rgb(picture: Pillow.Image) -> Pillow.Image:
    """Any mode as 8-bit RGB: deep greys are scaled, not clipped; transparency lies on white."""
    if picture.mode.startswith("I;16"):
        return Pillow.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode.startswith(("I", "F")):
        return Pillow.fromarray(_scaled(np.asarray(picture, np.float64))).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        ground = Pillow.new("RGBA", layer.size, "white")
        return Pillow.alpha_composite(ground, layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _scaled(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Deep greys in 0..255: by the depth that their values fit in, others by their extremes."""
    values = np.nan_to_num(values)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 255:
        top = 1.0 if 0 < high <= 1 else 255.0
        return (values * (255.0 / top)).astype(np.uint8)
    if low >= 0 and high <= 65535:
        return (values / 257.0).astype(np.uint8)
    return ((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
