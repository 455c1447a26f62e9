"""Peak memory of decoding, in bytes per pixel, by format and mode.

    python -m benchmarks.memory.decode [--width 8000] [--height 6000]

Each picture is decoded in full in a process of its own, which has decoded a small one before.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import time
from typing import Any

from PIL import Image, features

from workers.images.decode import decode

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG": ("RGB", "JPEG", {}),
    "JPEG progressive": ("RGB", "JPEG", {"progressive": True}),
    "JPEG CMYK": ("CMYK", "JPEG", {}),
    "PNG": ("RGB", "PNG", {"compress_level": 1}),
    "PNG transparent": ("RGBA", "PNG", {"compress_level": 1}),
    "PNG 16-bit grey": ("I;16", "PNG", {"compress_level": 1}),
    "TIFF float": ("F", "TIFF", {"compression": "tiff_lzw"}),
    "GIF": ("P", "GIF", {}),
    "WebP": ("RGB", "WEBP", {"quality": 10, "method": 0}),
    "JPEG 2000": ("RGB", "JPEG2000", {}),
    "HEIC": ("RGB", "HEIF", {"quality": 10}),
    "AVIF": ("RGB", "AVIF", {"quality": 10, "speed": 10}),
}


def encoded(name: str, size: tuple[int, int]) -> bytes:
    """A picture with something in it, as a file."""
    mode, kind, options = KINDS[name]
    ramp = Image.linear_gradient("L").resize(size)
    picture = ramp.convert("RGB").convert(mode) if mode in ("RGBA", "CMYK") else ramp.convert(mode)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def measured(name: str, size: tuple[int, int]) -> str:
    """Bytes per pixel and seconds of one decode, taken in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        small, large = encoded(name, (64, 64)), _in_a_child(name, size)
        decode(small, max_pixels=10**9, min_long_side=0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.monotonic()
        decode(large, max_pixels=10**9, min_long_side=0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        pixels = size[0] * size[1]
        os.write(
            writing, f"{grown / pixels:5.1f} bytes/pixel {time.monotonic() - began:6.1f} s".encode()
        )
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said or "died"


def _in_a_child(name: str, size: tuple[int, int]) -> bytes:
    """The file, made where its making costs the measured process nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(encoded(name, size))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=8000)
    parser.add_argument("--height", type=int, default=6000)
    options = parser.parse_args()
    size = (options.width, options.height)
    for name in KINDS:
        if KINDS[name][1] == "AVIF" and not features.check("avif"):
            continue
        print(f"{name:18} {size[0]} x {size[1]}  {measured(name, size)}", flush=True)


if __name__ == "__main__":
    main()
