"""Metadata in chunks: of PNG, WebP and GIF."""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterator

from workers.images.part import LARGEST, Part

_MOST = 200_000
"""Chunks that are looked at. A PNG of 200 MB has 25,000 of the usual length."""
_PNG_XMP = b"XML:com.adobe.xmp"
_RAW = {b"exif": "exif", b"APP1": "exif", b"xmp": "xmp", b"iptc": "iptc", b"8bim": "8bim"}
"""Profiles that ImageMagick writes as text, by the last word of their names."""
_GIF_XMP = b"XMP DataXMP"
_GIF_TRAILER = b"\1\xff\xfe\xfd"
"""The begin of the bytes by which a reader of GIF finds the end of XMP, which is in no blocks."""


def png_parts(data: bytes) -> Iterator[Part]:
    """Yield the metadata of a PNG: eXIf, and texts, compressed or not."""
    at = 8
    for _ in range(_MOST):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"IEND" or len(kind) < 4:
            return
        if size <= LARGEST and kind in (b"eXIf", b"iTXt", b"zTXt", b"tEXt"):
            yield from _png_part(kind, data[at + 8 : at + 8 + size])
        at += 12 + size


def webp_parts(data: bytes) -> Iterator[Part]:
    """Yield the metadata of a WebP."""
    at = 12
    for _ in range(_MOST):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(kind) < 4:
            return
        if kind in (b"EXIF", b"XMP ") and size <= LARGEST:
            yield "exif" if kind == b"EXIF" else "xmp", data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def gif_parts(data: bytes) -> Iterator[Part]:
    """Yield the XMP of a GIF, which is an application extension."""
    at, steps = 13 + _colours(data, 10), iter(range(_MOST))
    for _ in steps:
        block = data[at : at + 1]
        if block == b"!" and data[at + 3 : at + 14] == _GIF_XMP:
            end = data.find(_GIF_TRAILER, at + 14, at + 14 + LARGEST)
            if end > 0:
                yield "xmp", data[at + 14 : end]
            return
        if block not in (b"!", b","):
            return
        at = _after(data, at + 2 if block == b"!" else at + 11 + _colours(data, at + 9), steps)


def _colours(data: bytes, at: int) -> int:
    """Bytes of the colour table that the flags at a place tell of."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after(data: bytes, at: int, steps: Iterator[int]) -> int:
    """The place after the blocks of data that begin at one; the end where ``steps`` are used up."""
    for _ in steps:
        size = data[at] if at < len(data) else 0
        at += 1 + size
        if not size:
            return at
    return len(data)


def _png_part(kind: bytes, chunk: bytes) -> Iterator[Part]:
    if kind == b"eXIf":
        yield "exif", chunk
        return
    name, _, rest = chunk.partition(b"\0")
    raw = _RAW.get(name.removeprefix(b"Raw profile type ")) if b" type " in name else None
    if name != _PNG_XMP and raw is None:
        return
    text = _png_text(kind, rest)
    if raw is None:
        yield "xmp", text
    else:
        yield raw, _hexadecimal(text)


def _png_text(kind: bytes, rest: bytes) -> bytes:
    """The text after the name of a chunk; empty where it is larger than a block may be."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    _language, _, after = rest[2:].partition(b"\0")
    text = after.partition(b"\0")[2]
    return _inflated(text) if rest[:1] == b"\1" else text


def _inflated(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, LARGEST)
    except zlib.error:
        return b""
    return b"" if stream.unconsumed_tail else text


def _hexadecimal(text: bytes) -> bytes:
    """The bytes of a profile: a name and a length on lines of their own, then digits."""
    digits = b"".join(text.split()[2:])
    try:
        return binascii.unhexlify(digits)
    except binascii.Error:
        return b""
