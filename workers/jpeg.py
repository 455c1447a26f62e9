"""JPEGs decoded by libjpeg-turbo without detours: the one door to simplejpeg.

It gives the pixels that Pillow gives, two to three times as fast. It is strict: of a file that
is not wholly in order it gives nothing, and Pillow decides what can be had of it.
"""

from __future__ import annotations

import numpy as np
import simplejpeg

from workers.models.base import Image


def decode_jpeg(data: bytes, width: int, height: int, factor: int) -> Image | None:
    """The stored pixels of a ``width`` x ``height`` JPEG at 1 / ``factor`` (1, 2, 4 or 8), in RGB.

    For grey and RGB files; not turned by EXIF. None where the file is damaged or not that size.
    """
    wanted = -(-height // factor), -(-width // factor)
    try:
        image = simplejpeg.decode_jpeg(
            data, "RGB", min_height=wanted[0], min_width=wanted[1], min_factor=factor, strict=True
        )
    except (ValueError, RuntimeError, MemoryError):
        return None
    return np.asarray(image, np.uint8) if image.shape == (*wanted, 3) else None
