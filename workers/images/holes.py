"""Holes: zeros where a copy was never finished, or a disk lost what was written.

Coded pixels have no long run of zeros: HEVC forbids three in a row (H.265, 7.4.2), and AV1's coder
writes some 16 at most, of a picture of one colour. In JPEG and WebP flat parts may be zeros, too.
"""

from __future__ import annotations

from collections.abc import Iterable

LEAST = 512
"""Bytes of a hole: disks and programs copy no less."""
_ZEROS = bytes(LEAST)


def has_hole(data: bytes, spans: Iterable[tuple[int, int]]) -> bool:
    """Whether a hole is in one of the spans (first byte, one after the last); each byte costs once.

    Spans of untrusted files may overlap as often as they like.
    """
    seen = 0
    for start, end in sorted(spans):
        if data.find(_ZEROS, max(start, seen), end) >= 0:
            return True
        seen = max(seen, end)
    return False


def without_hole(data: bytes) -> bytes:
    """A JPEG's bytes without the hole at its end; those of a stuffed byte stay."""
    if not data.endswith(_ZEROS):
        return data
    kept = data.rstrip(b"\0")
    return kept + b"\0" if kept.endswith(b"\xff") else kept
