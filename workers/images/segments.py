"""Metadata in the segments of a JPEG; XMP may be in many of them (XMP specification 3, 1.1.3)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from workers.images.iim import iptc_resource
from workers.images.jpeg_header import header_segments
from workers.images.part import LARGEST, Part

_MOST = 4_096
"""Segments that are looked at: as many of 64 KB as a photo may have bytes."""
_EXIF, _XMP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_HAS_EXTENSION = re.compile(rb"HasExtendedXMP\s*(?:=\s*[\"']|>\s*)([0-9A-Fa-f]{32})")


def jpeg_parts(data: bytes) -> Iterator[Part]:
    """Yield the metadata of a JPEG, up to its pixels."""
    photoshop: list[bytes] = []
    packet, pieces = b"", defaultdict[bytes, dict[int, bytes]](dict)
    for kind, start, end in header_segments(data, _MOST):
        if kind == 0xED and data.startswith(_PHOTOSHOP, start):
            photoshop.append(data[start + len(_PHOTOSHOP) : end])
        elif kind != 0xE1:
            continue
        elif data.startswith(_EXIF, start):
            yield "exif", data[start:end]
        elif data.startswith(_XMP, start):
            packet = data[start + len(_XMP) : end]
            yield "xmp", packet
        elif data.startswith(_EXTENSION, start):
            _add_piece(pieces, data[start + len(_EXTENSION) : end])
    if photoshop:
        yield "iptc", iptc_resource(b"".join(photoshop))
    if pieces and (said := _HAS_EXTENSION.search(packet)):
        yield "xmp", _joined(pieces.get(said[1], {}))


def _add_piece(pieces: dict[bytes, dict[int, bytes]], segment: bytes) -> None:
    """Add a piece of extended XMP: a sum of 32 digits, length and offset of the piece, itself."""
    length, offset = int.from_bytes(segment[32:36]), int.from_bytes(segment[36:40])
    if length <= LARGEST:
        pieces[segment[:32]][offset] = segment[40:]


def _joined(pieces: dict[int, bytes]) -> bytes:
    """The pieces in their order; nothing where one is missing."""
    whole, at = [], 0
    for offset, piece in sorted(pieces.items()):
        if offset != at:
            return b""
        whole.append(piece)
        at += len(piece)
    return b"".join(whole) if at <= LARGEST else b""
