"""A block of metadata, as a container has it."""

from __future__ import annotations

Part = tuple[str, bytes]
"""What it is (exif, xmp, iptc) and its bytes. EXIF may have its six letters before it."""
LARGEST = 8 * 2**20
"""Bytes of a block. Cameras write up to 64 KB, Lightroom's masks come to some megabytes."""
