"""Limits on pictures, checked by their headers before any decoder sees them.

Most decoders tell a picture's size before they take memory for it. For those that do not, it is
read here from the format's own header.
"""

from __future__ import annotations

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.jpeg_header import START_OF_IMAGE, START_OF_SCAN, header_segments

MAX_SCANS = 256
"""Most scans of one JPEG. Cameras and encoders write about ten; each costs a walk over the
whole picture, however few bytes it has."""
MAX_TILE_PIXELS = 1 << 24
"""Most pixels of one tile of a TIFF. Tiles have 256 to 1024 pixels a side; a tile is unpacked in
whole, even where it reaches far beyond its picture."""
MAX_CHUNKS = 250_000
"""Most chunks of one PNG. Encoders write some kilobytes into each; of empty ones, a file of the
largest size would have millions, each read in Python."""

_SEQUENTIAL_FRAMES = frozenset((0xC0, 0xC1, 0xC9))


def check_headers(data: bytes, max_pixels: int) -> None:
    """Raise PhotoError for a file whose header says that decoding would cost too much."""
    canvas = _webp_canvas(data)
    if canvas is not None:  # the animation's canvas is taken when the file is opened
        check_size(*canvas, max_pixels)
    if _has_many_scans(data) and data.count(b"\xff\xda") > MAX_SCANS:
        raise PhotoError(Outcome.UNREADABLE, f"a JPEG of more than {MAX_SCANS} scans")
    if _has_many_chunks(data):
        raise PhotoError(Outcome.UNREADABLE, f"a PNG of more than {MAX_CHUNKS:,} chunks")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise PhotoError for a picture of no pixels, or of too many."""
    if width * height > max_pixels:
        raise PhotoError(
            Outcome.TOO_LARGE, f"{width} x {height} pixels, more than the limit of {max_pixels:,}"
        )
    if width < 1 or height < 1:
        raise PhotoError(Outcome.UNREADABLE, "an image without pixels")


def check_tiles(width: object, height: object) -> None:
    """Raise PhotoError for a TIFF of enormous tiles; one without tiles has no sides."""
    if isinstance(width, int) and isinstance(height, int) and width * height > MAX_TILE_PIXELS:
        raise PhotoError(Outcome.UNREADABLE, f"a TIFF whose tiles are {width} x {height} pixels")


def _webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height of an extended WebP's canvas (RFC 9649, 2.7); None for other files."""
    if data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X" or len(data) < 30:
        return None
    width, height = int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little")
    return width + 1, height + 1


def _has_many_scans(data: bytes) -> bool:
    """Whether a JPEG may have more scans than one, by its header (ITU-T T.81, B.2).

    Not so where the first scan of a sequential one holds all its components, as cameras write it:
    to count the scans of those would take a tenth of the time that decoding takes.
    """
    components = 0
    for marker, start, _ in header_segments(data):
        if start + 6 > len(data):
            break
        if marker in _SEQUENTIAL_FRAMES:
            components = data[start + 5]
        elif marker == START_OF_SCAN:
            return data[start] < components or not components
    return data.startswith(START_OF_IMAGE)


def _has_many_chunks(data: bytes) -> bool:
    """Whether a PNG has more chunks than MAX_CHUNKS, by their lengths (PNG, 5.3)."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return False
        at += 12 + int.from_bytes(data[at : at + 4])
    return at < len(data)
