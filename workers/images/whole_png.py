"""PNGs whose pixels are damaged: told by the checksums, of which Pillow takes no notice.

A checksum of a chunk may be wrong though its pixels are right, so that the one over all pixels
decides then.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BYTES_A_PIXEL = 9
"""Most unpacked bytes of a pixel, of 4 x 16 bits, and of the filters of rows of one pixel."""
_AT_ONCE = 1 << 20


def check_pixels(data: bytes, max_pixels: int) -> None:
    """Raise PhotoError for a PNG whose pixels are not those that were written.

    What is cut off is the decoder's business. Costs one pass over the file; the pixels are
    unpacked only where a checksum is wrong.
    """
    if not data.startswith(_SIGNATURE):
        return
    chunks = list(_pixel_chunks(data))
    if all(_is_right(chunk) for chunk in chunks) or _unpacks(chunks, max_pixels):
        return
    raise PhotoError(Outcome.UNREADABLE, "damaged: a wrong checksum of the pixels")


def _pixel_chunks(data: bytes) -> Iterator[memoryview]:
    """Yield each chunk of pixels that is there in full: its kind, its content, its checksum."""
    at, view = len(_SIGNATURE), memoryview(data)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(view[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind == b"IEND" or end > len(data):
            return
        if kind == b"IDAT":
            yield view[at + 4 : end]
        at = end


def _is_right(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:])


def _unpacks(chunks: list[memoryview], max_pixels: int) -> bool:
    """Whether the pixels unpack up to their own checksum."""
    stream, left = zlib.decompressobj(), max_pixels * _BYTES_A_PIXEL
    try:
        for chunk in chunks:
            packed = bytes(chunk[4:-4])
            while packed and left > 0:
                left -= len(stream.decompress(packed, _AT_ONCE))
                packed = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof
