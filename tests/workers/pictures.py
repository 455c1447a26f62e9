"""Pictures made in code: asymmetric scenes, files of every kind, and files that lie."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
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


def drawn_face(width: int = 260, height: int = 300) -> tuple[Image, NDArray[np.float32]]:
    """A face drawn in soft blobs, and its five landmarks (5 x 2, pixels)."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = np.stack([90 + 40 * y / height, 110 + 20 * x / width, 140 - 30 * y / height], -1)

    def blob(at: tuple[float, float], size: tuple[float, float], colour: list[float]) -> None:
        away = ((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2
        cover = 1 / (1 + np.exp(np.clip(12 * (away - 1), -50, 50)))[..., None]
        picture[:] = picture * (1 - cover) + np.array(colour) * cover

    landmarks = np.float32([[95, 128], [163, 124], [131, 168], [104, 209], [160, 206]])
    blob((130, 95), (88, 80), [58, 40, 30])  # hair
    blob((130, 155), (72, 98), [214, 170, 142])
    for (eye_x, eye_y), brow in zip(landmarks[:2].tolist(), (-17, -16), strict=True):
        blob((eye_x, eye_y), (15, 8), [240, 236, 230])
        blob((eye_x, eye_y), (7, 7), [60, 45, 35])
        blob((eye_x, eye_y + brow), (19, 4), [70, 48, 34])
    blob((131, 150), (8, 24), [224, 182, 156])
    blob((131, 170), (15, 8), [196, 146, 122])
    blob((132, 208), (30, 9), [168, 84, 80])
    return picture.round().astype(np.uint8), landmarks


def encoded(picture: Pillow.Image | Image, kind: str, **options: object) -> bytes:
    """A picture as the bytes of a file."""
    if isinstance(picture, np.ndarray):
        picture = Pillow.fromarray(picture)
    file = io.BytesIO()
    if kind == "HEIF":  # by a library of the tests alone: what headcount installs decodes only
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, kind, **options)
    return file.getvalue()


def jpeg(picture: Pillow.Image | Image, **options: object) -> bytes:
    """A JPEG that stays close to its picture."""
    return encoded(picture, "JPEG", **{"quality": 95, "subsampling": 0, **options})


def turned(picture: Image, orientation: int) -> Pillow.Image:
    """The pixels that a camera stores for EXIF orientation n to turn upright."""
    turn = STORED.get(orientation)
    stored = Pillow.fromarray(picture)
    return stored if turn is None else stored.transpose(turn)


def ycck_jpeg(picture: Image) -> bytes:
    """A CMYK JPEG as Photoshop writes it: the colours as YCC, all four channels inverted."""
    cmyk = Pillow.fromarray(picture).convert("CMYK").split()
    ycc = Pillow.merge("RGB", cmyk[:3]).convert("YCbCr").split()
    inverted = [band.point(lambda value: 255 - value) for band in ycc]
    data = jpeg(Pillow.merge("CMYK", [*inverted, cmyk[3]]))
    transform = data.index(b"Adobe") + 11
    return data[:transform] + b"\2" + data[transform + 1 :]


def many_scans(width: int, height: int, scans: int, *, progressive: bool = True) -> bytes:
    """A JPEG with ``scans`` further scans without data of its first component."""
    picture = Pillow.new("RGB", (width, height))
    data = encoded(picture, "JPEG", progressive=progressive)
    scan = data[(last := data.rindex(b"\xff\xda")) : last + 10]
    if not progressive:  # a first scan of one component: there must be others
        scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
        return data[:last] + scan * scans + data[last:]
    return data[:-2] + scan * scans + data[-2:]


def png_with(kind: bytes, body: bytes) -> bytes:
    """A small photo as a PNG with one more chunk before its pixels."""
    data = encoded(noise(32, 32), "PNG")
    return data[:33] + _chunk(kind, body) + data[33:]


def deep_png(picture: Image) -> bytes:
    """A PNG of 16 bits per channel: each channel's value twice."""
    height, width = picture.shape[:2]
    rows = [b"\0" + row.repeat(2).tobytes() for row in picture.reshape(height, -1)]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def webp_canvas(width: int, height: int) -> bytes:
    """A tiny animated WebP whose header claims this canvas."""
    frames = [Pillow.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    at = data.index(b"VP8X") + 12
    return data[:at] + sizes + data[at + 6 :]


def deep_tiff(picture: Image, tile: int | None = None) -> bytes:
    """A TIFF of 16 bits per channel, in one strip or in square tiles."""
    height, width = picture.shape[:2]
    deep = picture.astype("<u2") * 257
    side = tile or max(width, height)
    parts = [deep]
    if tile:
        padded = np.pad(deep, ((0, -height % side), (0, -width % side), (0, 0)))
        across, down = padded.shape[1] // side, padded.shape[0] // side
        parts = [
            padded[y * side : (y + 1) * side, x * side : (x + 1) * side]
            for y in range(down)
            for x in range(across)
        ]
    blobs = [part.tobytes() for part in parts]
    return _tiff(width, height, blobs, tile)


def tiff_of_one_tile(side: int, tile: int) -> bytes:
    """A deflated grey TIFF of ``side`` squared, cut from one black tile of ``tile`` squared."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(tile)) for _ in range(tile)) + packer.flush()
    one = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile}
    fields = one | {324: 8, 325: len(packed)}
    head = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    return head + struct.pack("<H", len(fields)) + directory + bytes(4)


def _tiff(width: int, height: int, blobs: list[bytes], tile: int | None) -> bytes:
    data = b"II*\0" + bytes(4)
    starts, sizes = [], [len(blob) for blob in blobs]
    for blob in blobs:
        starts.append(len(data))
        data += blob
    layout: list[tuple[int, list[int]]] = (
        [(322, [tile]), (323, [tile]), (324, starts), (325, sizes)]
        if tile
        else [(273, starts), (278, [height]), (279, sizes)]
    )
    fields = [(256, [width]), (257, [height]), (258, [16, 16, 16]), (259, [1]), (262, [2])]
    fields = sorted([*fields, (277, [3]), *layout])
    directory, extra = b"", b""
    at = len(data) + 2 + 12 * len(fields) + 4
    for tag, values in fields:
        kind, letter = (3, "H") if tag == 258 else (4, "I")
        packed = struct.pack(f"<{len(values)}{letter}", *values)
        if len(packed) > 4:
            place, extra = struct.pack("<I", at + len(extra)), extra + packed
        else:
            place = packed.ljust(4, b"\0")
        directory += struct.pack("<HHI", tag, kind, len(values)) + place
    head = data[:4] + struct.pack("<I", len(data)) + data[8:]
    return head + struct.pack("<H", len(fields)) + directory + bytes(4) + extra


def stored_turned(picture: Image, orientation: int, kind: str = "JPEG", **options: object) -> bytes:
    """A file whose pixels are stored turned and whose EXIF orientation says how to turn them."""
    stored = turned(picture, orientation)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    if kind == "JPEG":
        return jpeg(stored, exif=exif, **options)
    return encoded(stored, kind, exif=exif.tobytes(), **options)  # pillow_heif wants bytes


def turned_by_exif(
    stored: Pillow.Image,
    orientation: int,
    kind: str,
    box: int | None = None,
    artist: str = "",
    **options: object,
) -> bytes:
    """A HEIC or AVIF whose EXIF says ``orientation``, whatever its boxes say: ``box``, or nothing.

    Encoders make boxes of EXIF, so it gets its tag after them. Converters write such files.
    """
    exif = Pillow.Exif()
    exif[_UNUSED_TAG] = orientation
    if box is not None:
        exif[0x0112] = box
    if artist:
        exif[0x013B] = artist
    data = encoded(stored, kind, exif=exif.tobytes(), **options)
    unused, used, none = (struct.pack(">HHI", tag, 3, 1) for tag in (_UNUSED_TAG, 0x0112, 0x0111))
    assert data.count(unused) == 1
    return data.replace(used, none).replace(unused, used)


_UNUSED_TAG = 0x0113


def claiming_png(width: int, height: int) -> bytes:
    """A PNG of about a hundred bytes whose header claims these sizes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def group_photo(samples: Path) -> Image:
    """Insightface's own sample, six people (RGB), which is one of the demo's."""
    return pixels_of(samples / "photos" / "table.jpg")


def pixels_of(photo: Path) -> Image:
    """Pixels of a photo as they are stored."""
    return np.asarray(Pillow.open(photo).convert("RGB"))
