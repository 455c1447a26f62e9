"""Photos without the metadata that decoders choke on: of a file whose pixels are whole.

Pillow refuses a PNG of more than 1 MiB in one profile or text, or with a wrong checksum on one, and
a JPEG whose metadata are broken in some ways. Such a file is tried once more without them. What
may say how the photo is turned stays, where it is short.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from headcount.errors import PhotoError

Read = TypeVar("Read")
KEPT_TEXT = 1 << 22
"""Most bytes of a text that stays: an editor's XMP has some hundred kilobytes, Pillow takes 64 MiB
of all texts together."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PROFILES_AND_COLOURS = (b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"pHYs")
"""Chunks that change no pixel here: photos are searched in the colours that are stored."""
_TURNING_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type exif")
_DROPPED_SEGMENTS = frozenset((0xFE, *range(0xE1, 0xEE), 0xEF))
"""JPEG comments and application data, but for JFIF's and Adobe's, which tell the colours."""
_LEAST = {0xE0: 16, 0xEE: 14}
"""Least lengths of these two: of shorter ones libjpeg takes no notice either."""


def read_or_read_lean(data: bytes, read: Callable[[bytes], Read]) -> Read:
    """Read a photo, and once more without metadata that may be at fault where that fails.

    Raises what ``read`` raises, for the photo as it is unless only its metadata are at fault.
    """
    try:
        return read(data)
    except (PhotoError, MemoryError):
        raise
    except Exception:  # decoders have no common error
        bare = lean(data)
        if bare is data:
            raise
        return read(bare)


def lean(data: bytes) -> bytes:
    """The same photo without metadata that may be at fault; ``data`` itself where there are none.

    Costs one pass over the file, and KEPT_TEXT bytes for each of two texts.
    """
    if data.startswith(_PNG):
        made = _PNG + b"".join(_lean_chunks(data))
        return data if made == data else made
    if data.startswith(b"\xff\xd8\xff"):
        made = b"".join(_lean_segments(data))
        return data if made == data else made
    return data


# -- PNG ------------------------------------------------------------------------------------------


def _lean_chunks(data: bytes) -> Iterator[bytes]:
    at, view, texts = len(_PNG), memoryview(data), set[bytes]()
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = view[at : at + 12 + length]
        at += 12 + length
        if not kind[0] & 0x20:  # a critical chunk: pixels, or what they need
            yield bytes(chunk)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            text = _lean_text(kind, bytes(chunk[8:-4]))
            if text and text.split(b"\0")[0] not in texts:
                texts.add(text.split(b"\0")[0])
                yield _chunk(b"tEXt" if kind == b"zTXt" else kind, text)
        elif kind not in _PROFILES_AND_COLOURS and at <= len(data) and _is_intact(chunk):
            yield bytes(chunk)


def _is_intact(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _lean_text(kind: bytes, body: bytes) -> bytes | None:
    """A text that may say how the photo is turned, unpacked and bounded; None for any other."""
    key, _, rest = body.partition(b"\0")
    if key not in _TURNING_TEXTS:
        return None
    if kind == b"tEXt":
        return key + b"\0" + rest[:KEPT_TEXT]
    if kind == b"zTXt":
        return key + b"\0" + _unpacked(rest[1:])
    parts = rest[2:].split(b"\0", 2)
    text = _unpacked(parts[-1]) if rest[:1] == b"\1" else parts[-1][:KEPT_TEXT]
    return key + bytes(5) + text


def _unpacked(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, KEPT_TEXT)
    except zlib.error:
        return b""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# -- JPEG -----------------------------------------------------------------------------------------


def _lean_segments(data: bytes) -> Iterator[bytes]:
    """The file without comments and application data before its first scan."""
    at = 2
    yield data[:2]
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        dropped = marker in _DROPPED_SEGMENTS or length < _LEAST.get(marker, 0)
        if not dropped or data[at + 4 : at + 10] == b"Exif\0\0":
            yield data[at : at + 2 + length]
        at += 2 + length
    yield data[at:]
