"""The reason why a file is not read, in words that name its kind."""

from __future__ import annotations

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.directories import is_tiff
from workers.images.jpeg_header import header_segments
from workers.images.tiff_page import Page, unsupported

_STARTS = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"PF\n", "colour PFM"),
    (b"P7\n", "PAM"),
    (b"#?", "Radiance HDR"),
    (b"v/1\x01", "OpenEXR"),
    (b"DDS ", "DDS"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\2\0", "CUR"),
    (b"icns", "ICNS"),
    (b"qoif", "QOI"),
    (b"FLIF", "FLIF"),
    (b"BPG\xfb", "BPG"),
    (b"\x01\xda", "SGI"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    (b"\x0a\x05\x01", "PCX"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"SIMPLE  =", "FITS"),
    (b"%PDF", "PDF"),
    (b"\x8aMNG", "MNG"),
    (b"\x8bJNG", "JNG"),
    (b"FOVb", "Sigma RAW (X3F)"),
    (b"\0MRM", "Minolta RAW (MRW)"),
    (b"\x1aE\xdf\xa3", "video (Matroska)"),
    (b"\0\0\1\xba", "video (MPEG)"),
)
"""First bytes of kinds that no decoder of ours reads."""
VIDEO_BRANDS = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp")
"""Brands, or how they begin, of films in boxes."""
_JPEG_PROCESSES = {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA), "arithmetic-coded JPEG"),
    0xF7: "JPEG-LS",
}
"""Kinds of JPEG that few programs read, by their frame's marker (ITU-T T.81, B.1.1.3; T.87)."""
_DEPTHS = range(2, 17)
"""Bits per sample that some process allows; other numbers are damage."""


def unread(data: bytes, page: Page | None) -> PhotoError:
    """Name the kind of a file that no decoder reads."""
    if page is not None:
        return unsupported(page)
    if is_tiff(data):
        return PhotoError(Outcome.UNREADABLE, "truncated file: a TIFF whose directory is not there")
    kind = rare_kind(data)
    reason = f"{kind} is not supported" if kind else "not an image that headcount reads"
    return PhotoError(Outcome.UNREADABLE, reason)


def lacks_bytes(data: bytes) -> bool:
    """Whether a WebP ends before the length that it says of itself (RFC 9649, 2.3)."""
    return data[:4] == b"RIFF" and 8 + int.from_bytes(data[4:8], "little") > len(data)


def rare_kind(data: bytes) -> str | None:
    """Name a kind that is known not to be read, or not by every build; None for others."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[4:8] == b"ftyp" and data[8:12].startswith(VIDEO_BRANDS):
        return "video (MP4)"
    if data[128:132] == b"DICM":
        return "DICOM"
    if data[6:14] == b"HEAPCCDR":
        return "Canon RAW (CRW)"
    return _rare_jpeg(data)


def _rare_jpeg(data: bytes) -> str | None:
    """Name a JPEG's process or depth, unless it is that of ordinary ones."""
    for marker, start, _ in header_segments(data):
        if start + 6 > len(data):
            return None
        if marker in _JPEG_PROCESSES or 0xC0 <= marker <= 0xC2:
            process, depth = _JPEG_PROCESSES.get(marker, "JPEG"), data[start]
            if depth != 8:
                return f"{depth}-bit {process}" if depth in _DEPTHS else None
            return process if marker in _JPEG_PROCESSES else None
    return None
