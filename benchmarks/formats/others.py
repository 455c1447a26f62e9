"""PNG, GIF, JPEG, BMP, netpbm, JPEG 2000 and WebP files of every kind that a writer makes."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image as Pillow

from benchmarks.formats.kinds import (
    HEIGHT,
    LOSSY,
    WIDTH,
    Image,
    Kind,
    grey,
    levels,
    of_levels,
    scene,
)

Array = NDArray[Any]


def others() -> Iterator[Kind]:
    """Every file of the matrix that is no TIFF."""
    yield from _pngs()
    yield from _gifs()
    yield from _jpegs()
    yield from _bitmaps()
    yield from _netpbm()
    yield from _wavelets()
    yield from _webps()


def _saved(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _half_hidden() -> Image:
    """The scene on white where its left half is half transparent."""
    shown = scene().astype(int)
    shown[:, : WIDTH // 2] = (shown[:, : WIDTH // 2] * 128 + 255 * 127) // 255
    return shown.astype(np.uint8)


def _layer(top: int = 255) -> Array:
    cover = np.full((HEIGHT, WIDTH, 1), top)
    cover[:, : WIDTH // 2] = top * 128 // 255
    return cover


# -- PNG -------------------------------------------------------------------------------------------


def _vips_png(values: Array, options: dict[str, Any]) -> bytes:
    picture = pyvips.Image.new_from_array(values)
    if values.dtype == np.uint16:
        picture = picture.copy(interpretation="rgb16" if picture.bands > 2 else "grey16")
    return bytes(picture.pngsave_buffer(**options))


def _deep(values: Array) -> Array:
    return values.astype(np.uint16) * 257


def _with_cover(values: Array, depth: int) -> Array:
    if depth == 16:
        return np.concatenate([_deep(values), _layer(65535).astype(np.uint16)], axis=2)
    return np.concatenate([values, _layer().astype(np.uint8)], axis=2)


def _hidden_grey() -> Image:
    shown = grey().astype(int)
    shown[:, : WIDTH // 2] = (shown[:, : WIDTH // 2] * 128 + 255 * 127) // 255
    return shown.astype(np.uint8)


def _pngs() -> Iterator[Kind]:
    for laced, depth in itertools.product((False, True), (8, 16)):
        name = f"{depth}{' interlaced' if laced else ''}"
        how = {"interlace": laced}
        deep = _deep if depth == 16 else np.asarray
        one = partial(lambda f, h: _vips_png(f(grey()[..., :1]), h), deep, how)
        yield Kind(f"PNG grey {name}", one, grey)
        yield Kind(
            f"PNG rgb {name}", partial(lambda f, h: _vips_png(f(scene()), h), deep, how), scene
        )
        two = partial(lambda d, h: _vips_png(_with_cover(grey()[..., :1], d), h), depth, how)
        yield Kind(f"PNG grey+alpha {name}", two, _hidden_grey)
        four = partial(lambda d, h: _vips_png(_with_cover(scene(), d), h), depth, how)
        yield Kind(f"PNG rgb+alpha {name}", four, _half_hidden)
    for bits, laced in itertools.product((1, 2, 4), (False, True)):
        how = {"bitdepth": bits, "interlace": laced}
        write = partial(lambda b, h: _vips_png(of_levels(1 << b)[..., :1], h), bits, how)
        name = f"{bits}{' interlaced' if laced else ''}"
        yield Kind(f"PNG grey {name}", write, partial(of_levels, 1 << bits))
    for bits in (1, 2, 4, 8):
        source = partial(of_levels, 1 << bits)
        yield Kind(f"PNG palette {bits}", partial(_palette_file, "PNG", bits), source)
    for depth in (8, 16):
        yield Kind(f"PNG grey {depth} one level hidden", partial(_png_key, depth), _keyed)


def _palette_file(kind: str, bits: int, **options: Any) -> bytes:
    count = 1 << bits
    picture = Pillow.fromarray(np.roll(np.arange(count), 1).astype(np.uint8)[levels(count)])
    order = np.zeros(3 * count, int)
    for number, place in enumerate(np.roll(np.arange(count), 1)):
        order[3 * place : 3 * place + 3] = number * 255 // (count - 1)
    picture = Pillow.frombytes("P", picture.size, picture.tobytes())
    picture.putpalette(order.tolist())
    return _saved(picture, kind, **options)


def _png_key(depth: int) -> bytes:
    """A grey PNG one of whose levels is transparent (tRNS)."""
    data = _vips_png(_deep(grey()[..., :1]) if depth == 16 else grey()[..., :1], {})
    key = 100 * 257 if depth == 16 else 100
    body = struct.pack(">H", key)
    chunk = struct.pack(">I", 2) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk + data[at:]


def _keyed() -> Image:
    return np.where(grey() == 100, 255, grey()).astype(np.uint8)


# -- GIF -------------------------------------------------------------------------------------------


def _gifs() -> Iterator[Kind]:
    for bits in (1, 2, 4, 8):
        for laced in (False, True):
            write = partial(_palette_file, "GIF", bits, interlace=laced)
            name = f"GIF palette {bits}{' interlaced' if laced else ''}"
            yield Kind(name, write, partial(of_levels, 1 << bits))


# -- JPEG ------------------------------------------------------------------------------------------


def _jpeg(values: Array, **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, level=95, **options))


def _jpegs() -> Iterator[Kind]:
    for ratio in ("444", "422", "420", "411", "440"):
        write = partial(lambda r: _jpeg(scene(), subsampling=r), ratio)
        yield Kind(f"JPEG YCbCr {ratio}", write, scene, LOSSY)
    yield Kind("JPEG grey", lambda: _jpeg(grey()[..., 0].copy()), grey, LOSSY)
    rgb = partial(_jpeg, scene(), colorspace="rgb", outcolorspace="rgb")
    yield Kind("JPEG RGB", rgb, scene, LOSSY)
    cmyk = np.concatenate([255 - scene(), np.zeros((HEIGHT, WIDTH, 1), np.uint8)], axis=2)
    for flow in ({"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}):
        write = partial(_saved, Pillow.fromarray(scene()), "JPEG", quality=95, **flow)
        yield Kind(f"JPEG {next(iter(flow))}", write, scene, LOSSY)
    save = partial(_saved, Pillow.fromarray(cmyk, "CMYK"), "JPEG", quality=95)
    yield Kind("JPEG CMYK of Photoshop's kind", save, scene, LOSSY)
    plain = partial(_jpeg, cmyk, colorspace="cmyk", outcolorspace="cmyk")
    yield Kind("JPEG CMYK by libjpeg", plain, scene, 255)
    ycck = partial(_jpeg, cmyk, colorspace="cmyk", outcolorspace="ycck")
    yield Kind("JPEG YCCK by libjpeg", ycck, scene, 255)
    for bits in (12,):
        deep = (scene().astype(np.uint16) << (bits - 8)).astype(np.uint16)
        write = partial(
            lambda d, b: bytes(imagecodecs.jpeg8_encode(d, bitspersample=b)), deep, bits
        )
        yield Kind(f"JPEG {bits}-bit", write, scene, LOSSY)
        write = partial(
            lambda d, b: bytes(imagecodecs.jpeg8_encode(d[..., 1].copy(), bitspersample=b)),
            deep,
            bits,
        )
        yield Kind(f"JPEG {bits}-bit grey", write, grey, LOSSY)
    for bits in (8, 12, 16):
        deep = scene().astype(np.uint16) << (bits - 8)
        deep = deep.astype(np.uint8) if bits == 8 else deep
        write = partial(
            lambda d, b: bytes(imagecodecs.jpeg8_encode(d, lossless=True, bitspersample=b)),
            deep,
            bits,
        )
        yield Kind(f"JPEG lossless {bits}-bit rgb", write, scene, LOSSY)
        write = partial(
            lambda d, b: bytes(imagecodecs.ljpeg_encode(d[..., 1].copy(), bitspersample=b)),
            deep,
            bits,
        )
        yield Kind(f"JPEG lossless {bits}-bit grey", write, grey, LOSSY)
    yield Kind("JPEG-LS rgb", lambda: bytes(imagecodecs.jpegls_encode(scene())), scene, LOSSY)
    yield Kind("JPEG XL rgb", lambda: bytes(imagecodecs.jpegxl_encode(scene())), scene, LOSSY)
    yield Kind("JPEG XR rgb", lambda: bytes(imagecodecs.jpegxr_encode(scene())), scene, LOSSY)


# -- BMP -------------------------------------------------------------------------------------------


def _bmp(
    bits: int,
    compression: int,
    rows: bytes,
    *,
    head: int = 40,
    more: bytes = b"",
    height: int = HEIGHT,
    masks: tuple[int, ...] = (),
    colours: int = 0,
) -> bytes:
    info = struct.pack(
        "<IiiHHIIiiII", head, WIDTH, height, 1, bits, compression, len(rows), 0, 0, colours, 0
    )
    info += struct.pack(f"<{len(masks)}I", *masks)
    info = info.ljust(head, b"\0") + more
    start = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + rows


def _padded(values: Array) -> bytes:
    rows = values.reshape(HEIGHT, -1).view(np.uint8)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()


def _packed16(red: int, green: int, blue: int) -> Array:
    """The scene in 16 bits, a channel in so many."""
    values = scene()[::-1].astype(np.uint16)
    r, g, b = (values[..., i] >> (8 - n) for i, n in enumerate((red, green, blue)))
    return ((r << (green + blue)) | (g << blue) | b).astype("<u2")


def _bgra(cover: Array) -> Array:
    return np.concatenate([scene()[..., ::-1], cover.astype(np.uint8)], axis=2)[::-1].copy()


def _bitmaps() -> Iterator[Kind]:
    rgb = scene()[::-1, :, ::-1].copy()
    full, none = np.full((HEIGHT, WIDTH, 1), 255), np.zeros((HEIGHT, WIDTH, 1))
    masks = (0xFF0000, 0xFF00, 0xFF)
    yield Kind("BMP 24", lambda: _bmp(24, 0, _padded(rgb)), scene)
    down = scene()[..., ::-1].copy()
    yield Kind("BMP 24 top-down", lambda: _bmp(24, 0, _padded(down), height=-HEIGHT), scene)
    yield Kind("BMP 16 of 555", lambda: _bmp(16, 0, _padded(_packed16(5, 5, 5))), scene, 6)
    m565 = (0xF800, 0x7E0, 0x1F)
    packed = partial(
        lambda m: _bmp(16, 3, _padded(_packed16(5, 6, 5)), more=struct.pack("<3I", *m)), m565
    )
    yield Kind("BMP 16 of 565", packed, scene, 6)
    for name, cover in (("no alpha", none), ("full alpha", full)):
        plain = partial(lambda c: _bmp(32, 0, _padded(_bgra(c))), cover)
        yield Kind(f"BMP 32, {name}", plain, scene)
        for head in (56, 108, 124):
            write = partial(
                lambda h, c: _bmp(32, 3, _padded(_bgra(c)), head=h, masks=(*masks, 0xFF000000)),
                head,
                cover,
            )
            yield Kind(f"BMP 32 with masks in {head}, {name}", write, scene)
            write = partial(
                lambda h, c: _bmp(32, 3, _padded(_bgra(c)), head=h, masks=masks), head, cover
            )
            yield Kind(f"BMP 32 with masks but alpha's in {head}, {name}", write, scene)
    half = partial(
        lambda: _bmp(32, 3, _padded(_bgra(_layer())), head=124, masks=(*masks, 0xFF000000))
    )
    yield Kind("BMP 32 with masks in 124, half transparent", half, _half_hidden)
    for bits in (1, 4, 8):
        write = partial(_palette_file, "BMP", 8) if bits == 8 else partial(_small_bmp, bits)
        yield Kind(f"BMP palette {bits}", write, partial(of_levels, 1 << bits))
    yield Kind("BMP by OpenCV", _cv_bmp, scene)
    yield Kind("BMP run lengths 8", _rle8, partial(of_levels, 256))


def _cv_bmp() -> bytes:
    return bytes(cv2.imencode(".bmp", scene()[..., ::-1])[1])


def _small_bmp(bits: int) -> bytes:
    count = 1 << bits
    numbers = levels(count)[::-1]
    width = -(-WIDTH * bits // 32) * 4
    single = np.unpackbits(numbers[..., None], axis=2)[..., 8 - bits :].reshape(HEIGHT, -1)
    rows = np.packbits(single, axis=1)
    rows = np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
    ramp = b"".join(bytes([n * 255 // (count - 1)] * 3 + [0]) for n in range(count))
    return _bmp(bits, 0, rows.tobytes(), more=ramp, colours=count)


def _rle8() -> bytes:
    ramp = b"".join(bytes([n] * 3 + [0]) for n in range(256))
    rows = b""
    for line in levels(256)[::-1]:
        rows += b"".join(bytes([1, n]) for n in line) + b"\0\0"
    return _bmp(8, 1, rows + b"\0\1", more=ramp, colours=256)


# -- netpbm ----------------------------------------------------------------------------------------


def _netpbm() -> Iterator[Kind]:
    size = f"{WIDTH} {HEIGHT}"
    for top in (1, 15, 255, 1023, 4095, 65535):
        kind = ">u2" if top > 255 else "u1"
        g, c = ((a.astype(int) * top // 255).astype(kind) for a in (grey()[..., 0], scene()))
        if top < 255:
            source_g = (g.astype(int) * 255 // top).astype(np.uint8)[..., None].repeat(3, 2)
            source_c = (c.astype(int) * 255 // top).astype(np.uint8)
        else:
            source_g, source_c = grey(), scene()
        for magic, values, shown in (("P5", g, source_g), ("P6", c, source_c)):
            data = f"{magic}\n{size}\n{top}\n".encode() + values.tobytes()
            yield Kind(f"{magic} up to {top}", partial(bytes, data), partial(np.asarray, shown))
        for magic, values, shown in (("P2", g, source_g), ("P3", c, source_c)):
            text = " ".join(map(str, values.ravel().tolist()))
            data = f"{magic}\n{size}\n{top}\n{text}\n".encode()
            yield Kind(f"{magic} up to {top}", partial(bytes, data), partial(np.asarray, shown))
    bits = levels(2)
    for magic in ("P1", "P4"):
        body = " ".join(map(str, (1 - bits).ravel())).encode()
        body = np.packbits(1 - bits, axis=1).tobytes() if magic == "P4" else body
        data = f"{magic}\n{size}\n".encode() + body
        yield Kind(magic, partial(bytes, data), partial(of_levels, 2))
    for order, magic in itertools.product("<>", ("Pf", "PF")):
        values = (grey()[..., 0] if magic == "Pf" else scene()).astype(f"{order}f4") / 255
        values = values.astype(f"{order}f4")
        head = f"{magic}\n{size}\n{'-1.0' if order == '<' else '1.0'}\n".encode()
        source = grey if magic == "Pf" else scene
        yield Kind(f"{magic} {order}", partial(bytes, head + values[::-1].tobytes()), source)
    for depth, tuples, values in (
        (1, "GRAYSCALE", grey()[..., :1]),
        (3, "RGB", scene()),
        (4, "RGB_ALPHA", np.concatenate([scene(), _layer().astype(np.uint8)], axis=2)),
    ):
        head = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH {depth}\nMAXVAL 255\n"
        head += f"TUPLTYPE {tuples}\nENDHDR\n"
        source = {1: grey, 3: scene, 4: _half_hidden}[depth]
        yield Kind(f"PAM {tuples}", partial(bytes, head.encode() + values.tobytes()), source)


# -- JPEG 2000 and WebP ----------------------------------------------------------------------------


def _wavelets() -> Iterator[Kind]:
    for codec, bits in itertools.product(("jp2", "j2k"), (8, 10, 12, 16)):
        kind: Any = np.uint8 if bits == 8 else np.uint16
        top = (1 << bits) - 1
        for name, values, source in (("grey", grey()[..., 0], grey), ("rgb", scene(), scene)):
            deep = (values.astype(int) * top // 255).astype(kind)
            write = partial(
                lambda d, c, b: bytes(
                    imagecodecs.jpeg2k_encode(d, codecformat=c, bitspersample=b, reversible=True)
                ),
                deep,
                codec,
                bits,
            )
            yield Kind(f"JPEG 2000 {codec} {name} {bits}", write, source)
    for name, values, source in (
        (
            "grey+alpha",
            np.concatenate([grey()[..., :1], _layer().astype(np.uint8)], 2),
            _hidden_grey,
        ),
        ("rgb+alpha", np.concatenate([scene(), _layer().astype(np.uint8)], 2), _half_hidden),
    ):
        write = partial(_saved, Pillow.fromarray(values), "JPEG2000")
        yield Kind(f"JPEG 2000 {name}", write, source)
    signed = (grey()[..., 0].astype(np.int16) - 128).astype(np.int8)
    yield Kind("JPEG 2000 grey signed", lambda: bytes(imagecodecs.jpeg2k_encode(signed)), grey)


def _webps() -> Iterator[Kind]:
    for lossless in (True, False):
        name = "lossless" if lossless else "lossy"
        layers = np.concatenate([scene(), _layer().astype(np.uint8)], axis=2)
        for more, values, source in (("", scene(), scene), ("+alpha", layers, _half_hidden)):
            write = partial(
                lambda v, s: bytes(imagecodecs.webp_encode(v, lossless=s, level=95)),
                np.ascontiguousarray(values),
                lossless,
            )
            yield Kind(f"WebP {name}{more}", write, source, 2.0 if lossless else LOSSY)
