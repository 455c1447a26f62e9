"""TIFF files of every layout, by tifffile and imagecodecs, and some by libvips."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyvips
import tifffile
from numpy.typing import NDArray

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
ORDERS = {"le": "<", "be": ">"}
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 16},
    "strip": {},
    "tiles": {"tile": (32, 48)},
}
PACKINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "lzw": {"compression": "lzw"},
    "lzw-pred": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "zlib"},
    "deflate-pred": {"compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "lzma": {"compression": "lzma"},
}
DEPTHS: dict[str, Any] = {
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
}


def deepened(values: Array, kind: str) -> Array:
    """8-bit values at another depth: over its whole range, floats from 0 to 1."""
    if kind == "u8":
        return values
    dtype = np.dtype(DEPTHS[kind])
    if dtype.kind == "f":
        return (values / 255).astype(dtype)
    if dtype.kind == "u":
        return (values.astype(np.float64) / 255 * np.iinfo(dtype).max).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return (low + values.astype(np.float64) / 255 * (high - low)).astype(dtype)


def written(values: Array, **options: Any) -> bytes:
    """A TIFF of one page."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


def _planes(values: Array) -> Array:
    return np.moveaxis(values, -1, 0).copy()


def _layouts() -> Iterator[tuple[str, dict[str, Any]]]:
    for order, layout, packing in itertools.product(ORDERS, LAYOUTS, PACKINGS):
        yield (
            f"{order} {layout} {packing}",
            {
                "byteorder": ORDERS[order],
                **LAYOUTS[layout],
                **PACKINGS[packing],
            },
        )


def _write_rgb(depth: str, planar: bool, more: tuple[str, ...], options: dict[str, Any]) -> bytes:
    values = deepened(_with_layers(scene(), len(more)), depth)
    if planar:
        values = _planes(values)
    extra = {"extrasamples": list(more)} if more else {}
    how = "separate" if planar else "contig"
    return written(values, photometric="rgb", planarconfig=how, **extra, **options)


def _with_layers(picture: Image, count: int) -> Image:
    """The picture and masks that hide most of it."""
    mask = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    mask[:20] = 255
    return np.concatenate([picture, *[mask] * count], axis=2)


def _write_grey(depth: str, photometric: str, options: dict[str, Any]) -> bytes:
    values = grey()[..., 0]
    values = 255 - values if photometric == "miniswhite" else values
    return written(deepened(values, depth), photometric=photometric, **options)


def _grey_with_layer(depth: str, kind: str, options: dict[str, Any]) -> bytes:
    values = deepened(_with_layers(grey()[..., :1], 1), depth)
    return written(
        values, photometric="minisblack", planarconfig="contig", extrasamples=[kind], **options
    )


def _premultiplied(depth: str, options: dict[str, Any]) -> bytes:
    """A picture whose right half is half transparent, its colours multiplied by that."""
    cover = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    cover[:, WIDTH // 2 :] = 128
    colours = (scene().astype(int) * cover // 255).astype(np.uint8)
    values = deepened(np.concatenate([colours, cover], axis=2), depth)
    return written(
        values, photometric="rgb", planarconfig="contig", extrasamples=["assocalpha"], **options
    )


def _cmyk(depth: str, planar: bool, options: dict[str, Any]) -> bytes:
    values = deepened(np.concatenate([255 - scene(), np.zeros_like(scene()[..., :1])], 2), depth)
    values = _planes(values) if planar else values
    how = "separate" if planar else "contig"
    return written(values, photometric="separated", planarconfig=how, **options)


def _palette(bits: int, options: dict[str, Any]) -> bytes:
    count = 1 << bits
    ramp = np.arange(256) * 257
    order = np.roll(np.arange(count), 5)[:256]  # numbers are no greys
    colours = np.zeros((3, count), np.uint16)
    colours[:, order] = np.stack([ramp, ramp, ramp])
    numbers = order[levels(256)].astype(np.uint16 if bits > 8 else np.uint8)
    return written(numbers, photometric="palette", colormap=colours, **options)


def _small_grey(bits: int, photometric: str, packing: str) -> bytes:
    picture = pyvips.Image.new_from_array(of_levels(1 << bits)[..., 0])
    white = photometric == "miniswhite"
    how = {"bitdepth": bits, "miniswhite": white, "compression": packing, "predictor": "none"}
    return bytes(picture.cast("uchar").tiffsave_buffer(**how))


def _odd_depth(bits: int, options: dict[str, Any]) -> bytes:
    values = (grey()[..., 0].astype(int) * ((1 << bits) - 1) // 255).astype(np.uint16)
    return written(values, photometric="minisblack", bitspersample=bits, **options)


def _ranged(low: float, high: float, depth: str) -> bytes:
    """A measurement: greys between any two values."""
    values = low + grey()[..., 0].astype(np.float64) / 255 * (high - low)
    return written(values.astype(DEPTHS[depth]), photometric="minisblack")


def tiffs() -> Iterator[Kind]:
    """Every TIFF of the matrix."""
    yield from _plain()
    yield from _with_more()
    yield from _indexed()
    yield from _others()
    yield from _pages()


def _plain() -> Iterator[Kind]:
    for (name, how), depth in itertools.product(_layouts(), ("u8", "u16")):
        for planar in (False, True):
            title = f"TIFF rgb {depth} {'planar' if planar else 'chunky'} {name}"
            yield Kind(title, partial(_write_rgb, depth, planar, (), how), scene)
        for shade in ("minisblack", "miniswhite"):
            title = f"TIFF {shade} {depth} {name}"
            yield Kind(title, partial(_write_grey, depth, shade, how), grey)
    for depth, order in itertools.product(DEPTHS, ORDERS):
        if depth in ("u8", "u16"):
            continue
        for packing in ("none", "lzw", "deflate-pred"):
            how = {"byteorder": ORDERS[order], **PACKINGS[packing]}
            for shade in ("minisblack", "miniswhite"):
                title = f"TIFF {shade} {depth} {order} {packing}"
                yield Kind(title, partial(_write_grey, depth, shade, how), grey)
            title = f"TIFF rgb {depth} chunky {order} {packing}"
            yield Kind(title, partial(_write_rgb, depth, False, (), how), scene)


def _with_more() -> Iterator[Kind]:
    extras = [(one,) for one in ("unspecified", "unassalpha", "assocalpha")]
    extras += [("unspecified", "unspecified"), ("unassalpha", "unspecified")]
    for depth, extra, packing in itertools.product(("u8", "u16"), extras, ("none", "lzw-pred")):
        for order, planar in itertools.product(ORDERS, (False, True)):
            how = {"byteorder": ORDERS[order], **PACKINGS[packing]}
            layout = "planar" if planar else "chunky"
            title = f"TIFF rgb {depth} +{'+'.join(extra)} {layout} {order} {packing}"
            yield Kind(title, partial(_write_rgb, depth, planar, extra, how), scene)
    for depth, one in itertools.product(("u8", "u16"), ("unspecified", "unassalpha")):
        title = f"TIFF grey {depth} +{one}"
        yield Kind(title, partial(_grey_with_layer, depth, one, {}), grey)
    for depth, order in itertools.product(("u8", "u16"), ORDERS):
        how = {"byteorder": ORDERS[order]}
        yield Kind(
            f"TIFF premultiplied {depth} {order}", partial(_premultiplied, depth, how), scene
        )
        for planar, packing in itertools.product((False, True), ("none", "lzw")):
            layout = "planar" if planar else "chunky"
            title = f"TIFF cmyk {depth} {layout} {order} {packing}"
            yield Kind(title, partial(_cmyk, depth, planar, how | PACKINGS[packing]), scene)


def _indexed() -> Iterator[Kind]:
    for bits, order, packing in itertools.product((8, 16), ORDERS, ("none", "lzw", "packbits")):
        how = {"byteorder": ORDERS[order], **PACKINGS[packing]}
        title = f"TIFF palette {bits} bits {order} {packing}"
        yield Kind(title, partial(_palette, bits, how), grey)
    for bits, shade in itertools.product((1, 2, 4), ("minisblack", "miniswhite")):
        for packing in ("none", "lzw", "packbits", "deflate", *(("ccittfax4",) * (bits == 1))):
            title = f"TIFF {shade} {bits} bits {packing}"
            write = partial(_small_grey, bits, shade, packing)
            yield Kind(title, write, partial(of_levels, 1 << bits))
    for bits in (10, 12, 14):
        yield Kind(f"TIFF grey {bits} bits packed", partial(_odd_depth, bits, {}), grey)


def _with_thumbnail(subifds: bool, again: bool) -> bytes:
    """A reduced page before the full one, which is the next page or one below it."""
    file = io.BytesIO()
    thumbnail = np.ascontiguousarray(scene()[::4, ::4])
    with tifffile.TiffWriter(file) as tiff:
        first = {"photometric": "rgb", "subfiletype": 1, "metadata": None}
        tiff.write(thumbnail, **first, **({"subifds": 1 + again} if subifds else {}))
        if again:
            tiff.write(thumbnail, **first)
        tiff.write(scene(), photometric="rgb", subfiletype=0, metadata=None)
    return file.getvalue()


def _scanners_dng(photometric: int, depth: str, below: bool) -> bytes:
    """A DNG of plain colours, as scanner programs write it."""
    file = io.BytesIO()
    version = [(50706, 1, 4, (1, 4, 0, 0), True)]
    how: dict[str, Any] = {"photometric": photometric, "planarconfig": "contig", "metadata": None}
    with tifffile.TiffWriter(file) as tiff:
        if below:
            thumbnail = np.ascontiguousarray(scene()[::4, ::4])
            first = {"photometric": "rgb", "subfiletype": 1, "subifds": 1, "metadata": None}
            tiff.write(thumbnail, **first, extratags=version)
        tiff.write(deepened(scene(), depth), **how, extratags=[] if below else version)
    return file.getvalue()


def _pages() -> Iterator[Kind]:
    for subifds, again in itertools.product((False, True), (False, True)):
        title = f"TIFF full page {'below' if subifds else 'after'} {1 + again} reduced"
        yield Kind(title, partial(_with_thumbnail, subifds, again), scene)
    for photometric, depth, below in itertools.product((2, 34892), ("u8", "u16"), (False, True)):
        place = "below a thumbnail" if below else "alone"
        title = f"DNG of a scanner, photometric {photometric}, {depth}, {place}"
        yield Kind(title, partial(_scanners_dng, photometric, depth, below), scene)


def _others() -> Iterator[Kind]:
    for low, high, depth in (
        (0, 1, "f32"),
        (0, 255, "f32"),
        (0, 65535, "f32"),
        (-3, 9, "f32"),
        (0, 65535, "u32"),
        (0, 255, "u32"),
        (-1000, 3000, "i16"),
        (-1000, 3000, "i32"),
        (0, 255, "i32"),
    ):
        name = f"TIFF grey {depth} from {low} to {high}"
        yield Kind(name, partial(_ranged, low, high, depth), grey)
    for packing in ("jpeg", "webp", "jpeg2000", "jpegxl", "lerc", "png", "jpegxr"):
        how = {"compression": packing, "tile": (64, 64)}
        name = f"TIFF rgb u8 compressed as {packing}"
        yield Kind(name, partial(_write_rgb, "u8", False, (), how), scene, LOSSY)
    for order, letter in ORDERS.items():
        big = {"bigtiff": True, "byteorder": letter}
        for depth, planar in itertools.product(("u8", "u16"), (False, True)):
            layout = "planar" if planar else "chunky"
            write = partial(_write_rgb, depth, planar, (), big)
            yield Kind(f"BigTIFF rgb {depth} {layout} {order}", write, scene)
    for ratio in ((1, 1), (2, 1), (2, 2)):
        how = {"compression": "jpeg", "photometric": "rgb", "subsampling": ratio}
        write = partial(written, scene(), **how)
        yield Kind(f"TIFF ycbcr jpeg {ratio[0]}x{ratio[1]}", write, scene, LOSSY)
