"""Pictures for the page: crops of faces and whole photos, made of the photos when asked for."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from headcount.contract.vocabulary import Box
from headcount.errors import HeadcountError
from headcount.storage.base import Reader
from workers.images.decode import Decoded, decode
from workers.report.annotate import SURROUNDINGS, crop, preview

CROPS_BYTES = 48 << 20
"""Pictures as files that are kept: some 5,000 crops."""
DECODED_BYTES = 96 << 20
"""Pixels of photos that are kept: the faces of a photo are asked for one after the other."""
SIZES = (160, 320)
WIDTHS = (640, 1280, 2048)
AT_ONCE = 2
"""Photos that are decoded at a time: each may take a gigabyte."""

OUT_OF_REACH = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" role="img">'
    b"<title>The photo is out of reach</title>"
    b'<rect width="160" height="160" fill="#8882"/>'
    b'<path d="M48 56h64v48H48zM48 96l20-20 16 16 12-12 16 16" fill="none" stroke="#888" '
    b'stroke-width="4"/><path d="M40 120 120 40" stroke="#888" stroke-width="4"/></svg>'
)
"""Stands for a picture whose photo cannot be read."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Kept(Generic[K, V]):
    """Values that were used last, up to so many bytes of them."""

    most: int
    size: Callable[[V], int]
    _values: OrderedDict[K, V] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: K) -> V | None:
        """The value of a key, if it is kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value; those that were not used for longest go."""
        with self._lock:
            if (before := self._values.pop(key, None)) is not None:
                self._bytes -= self.size(before)
            self._values[key] = value
            self._bytes += self.size(value)
            while self._bytes > self.most and len(self._values) > 1:
                _, old = self._values.popitem(last=False)
                self._bytes -= self.size(old)


@dataclass(frozen=True)
class Wanted:
    """A photo of a source, and the face in it that is wanted, or the whole of it.

    ``box`` is in pixels of the upright photo under ``orientation``, an EXIF value, 0 for the
    file's own; ``size`` are pixels of the crop's side, or of the photo's width.
    """

    source: str
    photo: str
    size: int
    box: tuple[float, float, float, float] | None = None
    orientation: int = 0
    long_side: int = 0
    """Of the full photo; 0: not known."""

    @property
    def etag(self) -> str:
        """A tag that is the same for the same picture."""
        return f'"{hashlib.sha256(repr(self).encode()).hexdigest()[:32]}"'

    @property
    def needed(self) -> int:
        """Pixels of the long side that the photo is to be decoded with."""
        if self.box is None:
            return self.size
        side = max(1.0, max(self.box[2:]) * (1 + 2 * SURROUNDINGS))
        whole = self.long_side or 1 << 14
        return min(whole, max(1, round(whole * self.size / side)))


class Pictures:
    """Makes pictures, and keeps some; ``open`` gives the reader of a source."""

    def __init__(
        self, open_source: Callable[[str], Reader], max_bytes: int, max_pixels: int
    ) -> None:
        self._open, self._max_bytes, self._max_pixels = open_source, max_bytes, max_pixels
        self._made: Kept[Wanted, bytes] = Kept(CROPS_BYTES, len)
        self._decoded: Kept[tuple[str, str, int], Decoded] = Kept(
            DECODED_BYTES, lambda one: one.image.nbytes
        )
        self._at_once = threading.Semaphore(AT_ONCE)

    def picture(self, wanted: Wanted) -> bytes | None:
        """The JPEG of a face or photo; None where the photo cannot be read."""
        found = self._made.get(wanted)
        if found is not None:
            return found
        decoded = self._photo(wanted)
        if decoded is None:
            return None
        made = _made(wanted, decoded)
        self._made.put(wanted, made)
        return made

    def _photo(self, wanted: Wanted) -> Decoded | None:
        key = wanted.source, wanted.photo, wanted.orientation
        found = self._decoded.get(key)
        if found is not None and found.reaches(wanted.needed):
            return found
        with self._at_once:
            try:
                data = self._open(wanted.source).get(wanted.photo, limit=self._max_bytes)
                decoded = decode(
                    data.data,
                    max_pixels=self._max_pixels,
                    min_long_side=wanted.needed,
                ).turned_as(wanted.orientation)
            except (HeadcountError, OSError):
                return None
        self._decoded.put(key, decoded)
        return decoded


def _made(wanted: Wanted, decoded: Decoded) -> bytes:
    if wanted.box is None:
        longer = wanted.size * max(decoded.width, decoded.height) / max(1, decoded.width)
        return preview(decoded.image, max(1, round(min(longer, 4 * wanted.size))))
    box = Box(*(value * decoded.scale for value in wanted.box))
    return crop(decoded.image, box, wanted.size)
