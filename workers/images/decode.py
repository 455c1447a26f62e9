"""Decoding: from the bytes of a photo to upright RGB pixels, within limits.

Pillow reads every header, and the pixels of all but ordinary JPEGs, which libjpeg-turbo decodes
directly. Sizes are checked before pixels are decoded. Every fault of a photo is a PhotoError.
"""

from __future__ import annotations

import ctypes
import io
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.boxes import read_boxes
from workers.images.cut_jpeg import find_ending
from workers.images.heif import check_tiles_decoded, check_whole
from workers.images.jpeg import decode_jpeg
from workers.images.lean import read_or_read_lean
from workers.images.limits import check_headers, check_size
from workers.images.orientation import left_orientation, settle_orientation
from workers.images.pixels import to_rgb
from workers.images.raw import find_preview
from workers.images.tiff import check_page, pixels_of
from workers.images.tiff_page import Page, main_page
from workers.images.turns import quarters_between, rotated, turned_further
from workers.images.unread import rare_kind, unread
from workers.models.base import Image

FORMATS = (
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "HEIF"),
    *("PPM", "JPEG2000"),
)
"""Formats that Pillow may read. Those that run other programs, or are no photos, are left out."""

_SCALABLE = ("JPEG", "MPO")
"""Formats that decode smaller; MPO is what Pillow calls a phone's JPEG with a second picture."""

_UPRIGHT: dict[int, Callable[[Image], MatLike]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.flip(cv2.transpose(pixels), -1),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""Turn of the pixels stored in each EXIF orientation; cv2 does it fastest."""
LARGE_PIXELS = 50_000_000
"""Larger photos are decoded one at a time, for any number of threads: while it is decoded, a
pixel takes 5 to 10 bytes, up to 20 in WebP and JPEG 2000 (benchmarks/memory/decode.py)."""

WHOLE_UP_TO = 36_000_000
"""Pixels of a photo that is searched in full, which are those of almost every camera: decoding 12
million at 1/2 saves a tenth of a photo's time, and a fifth of the embeddings then differ in the
third decimal; of a photo decoded at 1/8, nearly all do."""

_one_large = threading.Lock()

Pillow.init()  # all plug-ins, once; later it would race between threads
Pillow.MAX_IMAGE_PIXELS = None  # the limit is the caller's, checked before decoding
warnings.filterwarnings("ignore", module=r"PIL\..*")


def _hush_libtiff() -> None:
    """Keep the libtiff of Pillow's wheel from printing errors of damaged files."""
    for library in Path(Pillow.__file__).parents[1].glob("pillow.libs/libtiff*"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)


_hush_libtiff()


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright photo.

    ``width`` and ``height`` are those of the full photo, ``image`` is it at ``scale`` (at most 1);
    ``note`` says what the file lacks, None of a whole one.
    ``orientation`` is the EXIF value 1..8 of the turn that was applied, whatever said it: the
    file's boxes or EXIF, or our own finding.
    """

    image: Image
    scale: float
    width: int
    height: int
    orientation: int
    format: str
    note: str | None = None

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height before ``orientation`` was applied."""
        swapped = self.orientation >= 5
        return (self.height, self.width) if swapped else (self.width, self.height)

    def reaches(self, long_side: int) -> bool:
        """Whether the image is this long, or the full photo."""
        return self.scale >= 1 or max(self.image.shape[:2]) >= long_side

    def turned(self, quarters: int) -> Decoded:
        """The photo turned further, by quarters anticlockwise."""
        if not quarters % 4:
            return self
        width, height = (self.width, self.height)[:: -1 if quarters % 2 else 1]
        return replace(
            self,
            image=rotated(self.image, quarters),
            width=width,
            height=height,
            orientation=turned_further(self.orientation, quarters),
        )

    def turned_as(self, orientation: int) -> Decoded:
        """The photo as it lay when ``orientation`` was stored; 0 stands for the file's own."""
        return self.turned(quarters_between(self.orientation, orientation))


class Picture:
    """A photo's bytes, decoded when pixels are needed, and again only when more are.

    A photo of at most ``whole_up_to`` pixels is decoded in full at once; a photo of
    more than ``max_pixels`` is refused. Not for more than one thread at a time.
    """

    def __init__(self, data: bytes, *, max_pixels: int, whole_up_to: int = WHOLE_UP_TO) -> None:
        self._data = data
        self._max_pixels = max_pixels
        self._whole_up_to = whole_up_to
        self._decoded: Decoded | None = None
        self._quarters = 0
        self.seconds = 0.0
        """Seconds spent on decoding so far."""

    def turn(self, quarters: int) -> None:
        """Turn the photo from now on, by quarters anticlockwise from how it lies so far."""
        self._quarters += quarters
        if self._decoded is not None:
            self._decoded = self._decoded.turned(quarters)

    def at_least(self, long_side: int) -> Decoded:
        """Decode the photo at the smallest scale whose long side is >= ``long_side``, or in full.

        Pixels decoded before at that scale or a larger one are reused. Raises PhotoError.
        """
        if self._decoded is None or not self._decoded.reaches(long_side):
            began = time.perf_counter()
            self._decoded = decode(
                self._data,
                max_pixels=self._max_pixels,
                min_long_side=long_side,
                whole_up_to=self._whole_up_to,
            ).turned(self._quarters)
            self.seconds += time.perf_counter() - began
        return self._decoded


def decode(data: bytes, *, max_pixels: int, min_long_side: int, whole_up_to: int = 0) -> Decoded:
    """Decode a photo, upright, at the smallest scale whose long side is >= ``min_long_side``.

    JPEGs can be decoded at 1/2, 1/4 and 1/8; others come in full, as does everything with
    ``min_long_side`` 0, and every photo of at most ``whole_up_to`` pixels. Of an animation the
    first frame counts. Raises PhotoError.
    """
    if not data:
        raise PhotoError(Outcome.UNREADABLE, "empty file")
    page, shown = None, data
    try:
        preview = find_preview(data)
        shown = preview.data if preview else data
        page = main_page(shown)
        if page is not None:
            check_page(page, max_pixels)
            if not page.for_pillow:
                return _of_page(page)
            shown = page.alone()
        check_headers(shown, max_pixels)
        boxes = read_boxes(shown)
        check_whole(boxes)
        inner = preview or page
        settle = partial(
            settle_orientation, boxes=boxes, otherwise=inner.orientation if inner else None
        )

        def read(file: bytes) -> Decoded:
            with Pillow.open(io.BytesIO(file), formats=FORMATS) as picture:
                small = picture.width * picture.height <= whole_up_to
                return _decoded(picture, file, max_pixels, 0 if small else min_long_side, settle)

        found = read_or_read_lean(shown, read)
        check_tiles_decoded(shown, boxes, found.image, found.orientation)
    except UnidentifiedImageError as error:
        raise unread(shown, page) from error
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError(Outcome.CRASHED, "too little memory to decode it") from error
    except Exception as error:  # struct.error, zlib.error, ...: decoders have no common error
        raise _fault(error, shown, page) from error
    return found


def _fault(error: BaseException, data: bytes, page: Page | None) -> PhotoError:
    text = str(error).strip().split("\n")[0]
    if any(word in text.lower() for word in ("truncated", "premature", "end of file")):
        return PhotoError(Outcome.UNREADABLE, "truncated file")
    if rare_kind(data) if page is None else not page.known:
        return unread(data, page)
    return PhotoError(Outcome.UNREADABLE, f"damaged: {text or type(error).__name__}"[:120])


def _decoded(
    picture: Pillow.Image,
    data: bytes,
    max_pixels: int,
    min_long_side: int,
    settle: Callable[[Pillow.Image], int],
) -> Decoded:
    width, height = picture.size
    check_size(width, height, max_pixels)
    with _memory_for(width, height):
        return _upright(picture, data, min_long_side, settle(picture))


def _of_page(page: Page) -> Decoded:
    with _memory_for(page.width, page.height):
        pixels = pixels_of(page)
    turn = page.orientation
    return _turned(pixels, (page.width, page.height), (turn, turn), "TIFF")


def _memory_for(width: int, height: int) -> AbstractContextManager[object]:
    return _one_large if width * height > LARGE_PIXELS else nullcontext()


def _upright(picture: Pillow.Image, data: bytes, min_long_side: int, orientation: int) -> Decoded:
    width, height = picture.size
    kind = picture.format or "?"
    note = None
    if kind in _SCALABLE:
        pixels, note = _jpeg_pixels(picture, data, _factor(max(width, height), min_long_side))
    else:
        picture.load()
        width, height = picture.size  # a damaged HEIC may hold other pixels than its header said
        pixels = to_rgb(picture)
    left = left_orientation(picture)
    picture.close()  # its pixels are not needed any more
    return replace(_turned(pixels, (width, height), (left, orientation), kind), note=note)


def _turned(pixels: Image, size: tuple[int, int], turns: tuple[int, int], kind: str) -> Decoded:
    """Turn pixels as the first of ``turns`` says; the second is the whole turn of the file."""
    (width, height), (left, orientation) = size, turns
    scale = max(pixels.shape[:2]) / max(width, height)
    if left in _UPRIGHT:
        pixels = np.asarray(_UPRIGHT[left](pixels), np.uint8)
    if left >= 5:
        width, height = height, width
    return Decoded(
        pixels,
        *(scale, width, height),
        orientation,
        kind,
    )


def _jpeg_pixels(picture: Pillow.Image, data: bytes, factor: int) -> tuple[Image, str | None]:
    """Decode a JPEG's stored pixels at 1 / ``factor``, by Pillow unless it is undamaged and RGB.

    Also tells what the file lacks. Raises PhotoError where that is too much.
    """
    colours, height = ("RGB" if picture.mode in ("RGB", "L") else "CMYK"), picture.height
    if colours == "RGB":
        pixels = decode_jpeg(data, picture.width, height, factor)
        if pixels is not None:
            return pixels, None
    else:
        with suppress(OSError):
            return _pillows_pixels(picture, factor), None
    ending = find_ending(data, colours)
    with Pillow.open(io.BytesIO(ending.data), formats=_SCALABLE) as mended:
        return ending.painted(_pillows_pixels(mended, factor), height), ending.note


def _pillows_pixels(picture: Pillow.Image, factor: int) -> Image:
    if factor > 1:
        picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))
    picture.load()
    return to_rgb(picture)


def _factor(longest: int, min_long_side: int) -> int:
    """Factor by which a JPEG is decoded smaller; a least long side of 0 asks for the full photo."""
    if not min_long_side:
        return 1
    return next((factor for factor in (8, 4, 2) if longest // factor >= min_long_side), 1)
