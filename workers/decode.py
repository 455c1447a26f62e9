"""Decoding: from the bytes of a photo to upright RGB pixels, within limits, by Pillow.

Sizes are checked before pixels are decoded. Whatever is wrong with a file is a PhotoError.
"""

from __future__ import annotations

import ctypes
import io
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from pillow_heif import register_heif_opener

from headcount.errors import PhotoError
from headcount.records import Outcome
from workers.models.base import Image

FORMATS = (
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "HEIF", "AVIF"),
    *("PPM", "JPEG2000"),
)
"""What Pillow may try: formats that run other programs, or are no photos, are left out."""

_SCALABLE = ("JPEG", "MPO")
"""Formats that decode smaller; MPO is what Pillow calls a phone's JPEG with a second picture."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
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
        self.seconds = 0.0
        """Spent on decoding so far."""

    def at_least(self, long_side: int) -> Decoded:
        """The photo at the smallest scale whose long side is >= ``long_side``, or in full.

        What was decoded before at that scale or a larger one is given again. Raises PhotoError.
        """
        if self._decoded is None or not self._decoded.reaches(long_side):
            began = time.perf_counter()
            self._decoded = decode(self._data, max_pixels=self._max_pixels, min_long_side=long_side)
            self.seconds += time.perf_counter() - began
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
            return _decoded(picture, max_pixels, min_long_side)
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


def _decoded(picture: Pillow.Image, max_pixels: int, min_long_side: int) -> Decoded:
    width, height = picture.size
    if width * height > max_pixels:
        raise PhotoError(
            Outcome.TOO_LARGE, f"{width} x {height} pixels, more than the limit of {max_pixels:,}"
        )
    if width < 1 or height < 1:
        raise PhotoError(Outcome.UNREADABLE, "an image without pixels")
    kind = picture.format or "?"
    orientation = picture.info.get("original_orientation") or _orientation(picture)
    if kind in _SCALABLE and min_long_side:
        _draft(picture, min_long_side)
    picture.load()
    if kind not in _SCALABLE:  # a damaged HEIC may hold other pixels than its header said
        width, height = picture.size
    left = _orientation(picture)  # by now Pillow has turned a TIFF, and pillow_heif a HEIC
    pixels = to_rgb(picture)
    scale = max(pixels.size) / max(width, height)
    if left in _UPRIGHT:
        pixels = pixels.transpose(_UPRIGHT[left])
    if left >= 5:
        width, height = height, width
    return Decoded(
        np.asarray(pixels),
        *(scale, width, height),
        orientation if orientation in _UPRIGHT else 1,
        kind,
    )


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


def _draft(picture: Pillow.Image, min_long_side: int) -> None:
    longest = max(picture.size)
    factor = next((f for f in (8, 4, 2) if longest // f >= min_long_side), 1)
    if factor > 1:
        picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))


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
