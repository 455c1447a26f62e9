"""Pictures made in code: asymmetric scenes, files of every kind, and files that lie."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image as Pillow

from workers.models.base import Image

STORED = {  # what a camera stores so that EXIF orientation n turns it upright
    1: None,
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_90,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_270,
}


def scene(width: int, height: int) -> Image:
    """A smooth picture without any symmetry: red to the right, green downwards, blue lower left."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x / max(width - 1, 1), y / max(height - 1, 1)
    blue = 255 * ((x < 0.5) & (y > 0.5))
    return np.stack([30 + 200 * x, 20 + 180 * y, blue], axis=-1).astype(np.uint8)


def noise(width: int, height: int, seed: int = 0) -> Image:
    """Coloured noise, the same for a seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def encoded(picture: Pillow.Image | Image, kind: str, **options: object) -> bytes:
    """A picture as the bytes of a file."""
    if isinstance(picture, np.ndarray):
        picture = Pillow.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def jpeg(picture: Pillow.Image | Image, **options: object) -> bytes:
    """A JPEG that stays close to its picture."""
    return encoded(picture, "JPEG", **{"quality": 95, "subsampling": 0, **options})


def stored_turned(picture: Image, orientation: int, kind: str = "JPEG", **options: object) -> bytes:
    """A file whose pixels are stored turned and whose EXIF orientation says how to turn them."""
    turn = STORED.get(orientation)
    stored = Pillow.fromarray(picture)
    stored = stored if turn is None else stored.transpose(turn)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    if kind == "JPEG":
        return jpeg(stored, exif=exif, **options)
    return encoded(stored, kind, exif=exif.tobytes(), **options)  # pillow_heif wants bytes


def claiming_png(width: int, height: int) -> bytes:
    """A PNG of about a hundred bytes whose header claims these sizes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc
