"""HEIC and AVIF: the one door to pillow_heif, and how a picture in boxes says that it is turned."""

from __future__ import annotations

from PIL import Image as Pillow
from pillow_heif import options as heif_options
from pillow_heif import register_heif_opener

_ORIENTATION = 0x0112
_TURNS = (b"irot", b"imir")
"""The boxes by which a HEIC says how it is turned (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""

heif_options.DECODE_THREADS = 1  # the workers' own threads are the parallelism
register_heif_opener(thumbnails=False)


def heed_exif(picture: Pillow.Image, data: bytes) -> None:
    """Restore the EXIF orientation of a HEIC that has no box of its own for it.

    pillow_heif sets it aside, since the boxes overrule it; converters copy it without a box.
    """
    turned = picture.info.get("original_orientation")
    if turned and not any(box in data for box in _TURNS):
        picture.getexif()[_ORIENTATION] = turned
