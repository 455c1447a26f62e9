"""Suffixes of image files: those of the formats that headcount reads, and others."""

from __future__ import annotations

PHOTO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjpg", "pjp"),
        *("mpo", "jps", "insp"),  # JPEG: with a second picture, side by side, of a 360 camera
        *("jp2", "j2k", "j2c", "jpc", "jpf", "jpx"),
        *("png", "apng", "webp", "tif", "tiff", "bmp", "dib", "gif"),
        *("ppm", "pgm", "pbm", "pnm"),
        *("heic", "heif", "hif", "avif"),
        *("cr2", "cr3", "nef", "nrw", "arw", "dng", "raf", "orf", "rw2", "rwl", "pef", "srw"),
    )
)
"""Suffixes, in lower case, of the image formats that headcount reads."""

OTHER_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jxl", "jxr", "wdp", "hdp", "jls", "jng", "jbg", "jpm", "bpg", "flif", "qoi", "mng"),
        *("heics", "heifs", "avifs", "avcs", "avci", "fpx", "lfp", "lfr", "thm"),
        *("psd", "psb", "xcf", "kra", "ora", "afphoto", "pdn", "cdr", "clip", "procreate"),
        *("tga", "icb", "vda", "pcx", "dcx", "pict", "pct", "pic", "sgi", "rgb", "ras", "xbm"),
        *("xpm", "wbmp", "pam", "pfm", "exr", "hdr", "dpx", "cin", "dds", "ico", "icns", "cur"),
        *("svg", "svgz", "eps", "wmf", "emf", "dcm", "fits", "fit", "fts", "pcd", "ptif", "btf"),
        *("3fr", "fff", "iiq", "cap", "eip", "x3f", "crw", "gpr", "erf", "mef", "mos", "mrw"),
        *("kdc", "dcr", "dcs", "k25", "sr2", "srf", "raw", "rwz", "bay", "ari", "cine"),
    )
)
"""Suffixes, in lower case, of images that headcount does not read, or was never tried on.

Raw files of 3FR, IIQ, ERF, MEF and others are TIFF in form; no file of theirs was at hand to try.
"""


def suffix_of(key: str) -> str:
    """The suffix of a key in lower case, with its dot; empty where there is none."""
    before, _, suffix = key.rpartition("/")[2].rpartition(".")
    return f".{suffix.lower()}" if before and suffix else ""


def is_photo(key: str) -> bool:
    """Whether an object is a photo by its suffix."""
    return suffix_of(key) in PHOTO_SUFFIXES


def is_other_image(key: str) -> bool:
    """Whether an object is an image, by its suffix, of a kind that headcount does not read."""
    return suffix_of(key) in OTHER_SUFFIXES
