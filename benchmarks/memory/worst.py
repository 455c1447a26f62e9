"""Peak memory and time of the worst photos: very large ones, hostile ones, a sheet of 10,000 faces.

    python -m benchmarks.memory.worst FACES [--only NAME ...] [--before FOLDER PYTHON] [--json FILE]

FACES is a folder of photos of one face each; the sheet is made of them. Each photo is analysed with
the embedded pack in a process of its own, which has analysed a small one before; its address space
and its time are bounded. ``--before`` runs the same files in an earlier checkout, with its Python.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image as Pillow

from headcount.collections.suffixes import is_photo

Pillow.MAX_IMAGE_PIXELS = None
pillow_heif.register_heif_opener()  # for the encoder

SIDE, WIDE = 10_000, 7_000
SECONDS, SECONDS_BEFORE, ADDRESSES = 300, 90, 14 << 30
"""Limits of a process, which takes some seconds to begin; the earlier build is given less time."""
TILE, ACROSS = 60, 100
CHILD = Path(__file__).with_name("worst_child.py")


def encoded(kind: str, mode: str, width: int, height: int, **options: Any) -> bytes:
    """A picture of ramps and discs, as a file."""
    ramp = Pillow.linear_gradient("L").resize((width, height))
    if mode not in ("L", "F", "I;16"):
        canvas = np.array(ramp.convert("RGB"))
        for n in range(40):
            at = (width * (7 * n % 40) // 40, height * n // 40)
            cv2.circle(canvas, at, width // 60, (90 + 4 * n, 200 - 3 * n, 60), -1)
        ramp = Pillow.fromarray(canvas)
    picture = Pillow.fromarray(np.asarray(ramp, np.uint16) * 257) if mode == "I;16" else ramp
    file = io.BytesIO()
    (picture if mode == "I;16" else picture.convert(mode)).save(file, kind, **options)
    return file.getvalue()


def sheet(folder: Path) -> bytes:
    """A contact sheet of 36 megapixels and 10,000 faces."""
    photos = [path for path in sorted(folder.rglob("*")) if is_photo(path.name)][:400]
    tiles = [_tile(np.asarray(Pillow.open(path).convert("RGB"))) for path in photos]
    canvas = np.zeros((TILE * ACROSS, TILE * ACROSS, 3), np.uint8)
    for n, which in enumerate(np.random.default_rng(0).integers(0, len(tiles), ACROSS**2)):
        top, left = (TILE * place for place in divmod(n, ACROSS))
        canvas[top : top + TILE, left : left + TILE] = tiles[which]
    file = io.BytesIO()
    Pillow.fromarray(canvas).save(file, "JPEG", quality=90)
    return file.getvalue()


def _tile(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a photo, where the face is."""
    side = int(0.62 * min(photo.shape[:2]))
    top, left = ((length - side) // 2 for length in photo.shape[:2])
    middle = photo[top : top + side, left : left + side]
    return np.asarray(cv2.resize(middle, (TILE, TILE), interpolation=cv2.INTER_AREA), np.uint8)


def raw_of_starts(size: int) -> bytes:
    """A file like a camera's RAW, full of starts of JPEGs that each look like one for a while."""
    entry = struct.pack("<HHII", 0x0103, 3, 1, 34713)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + bytes(4)
    start = b"\xff\xd8\xff\xe0\0\4"  # its segment ends at the next one's
    return head + start * ((size - len(head)) // len(start))


def many_scans(scans: int) -> bytes:
    """A progressive JPEG with further scans, which change nothing."""
    data = encoded("JPEG", "RGB", 6000, 4000, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last : last + 10] * scans + data[-2:]


def cut(data: bytes, share: float) -> bytes:
    """The first part of a file."""
    return data[: int(share * len(data))]


def png_with(chunk: bytes, times: int) -> bytes:
    """A PNG with one more chunk before its pixels, so many times."""
    data = encoded("PNG", "RGB", 600, 400)
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk * times + data[at:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _packed(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def inputs(faces: Path) -> dict[str, Callable[[], bytes]]:
    """How each of the worst inputs is made, by name."""
    square = (SIDE, SIDE)
    jpeg = partial(encoded, "JPEG", "RGB", *square)
    return {
        "JPEG, 100 MP": jpeg,
        "JPEG, 100 MP, progressive": partial(jpeg, progressive=True),
        "JPEG, 100 MP, progressive, cut": lambda: cut(jpeg(progressive=True), 0.98),
        "JPEG, 100 MP, last rows cut": lambda: cut(jpeg(), 0.97),
        "JPEG, 100 MP, CMYK": partial(encoded, "JPEG", "CMYK", *square),
        "JPEG, 240 MP, panorama": partial(encoded, "JPEG", "RGB", 60_000, 4_000),
        "JPEG, 24 MP, 250 scans": partial(many_scans, 240),
        "PNG, 100 MP": partial(encoded, "PNG", "RGB", *square, compress_level=1),
        "PNG, 100 MP, transparent": partial(encoded, "PNG", "RGBA", *square, compress_level=1),
        "PNG, 100 MP, 16-bit grey": partial(encoded, "PNG", "I;16", *square, compress_level=1),
        "PNG, 6 texts of 256 MiB": lambda: png_with(
            _chunk(b"zTXt", b"Raw profile type xmp\0\0" + _packed(256 << 20)), 6
        ),
        "PNG, 10 million chunks": lambda: png_with(_chunk(b"abCd", b""), 10_000_000),
        "WebP, 100 MP": partial(encoded, "WEBP", "RGB", *square, quality=10, method=0),
        "WebP, 100 MP, lossless": partial(
            encoded, "WEBP", "RGB", *square, lossless=True, quality=0, method=0
        ),
        "TIFF, 100 MP, float": partial(encoded, "TIFF", "F", *square, compression="tiff_lzw"),
        "TIFF, 100 MP": partial(encoded, "TIFF", "RGB", *square, compression="tiff_lzw"),
        "GIF, 100 MP": partial(encoded, "GIF", "P", *square),
        "JPEG 2000, 49 MP": partial(encoded, "JPEG2000", "RGB", WIDE, WIDE),
        "HEIC, 49 MP": partial(encoded, "HEIF", "RGB", WIDE, WIDE, quality=10),
        "AVIF, 49 MP": partial(encoded, "AVIF", "RGB", WIDE, WIDE, quality=10, speed=10),
        "RAW of JPEG starts, 200 MB": partial(raw_of_starts, 200 << 20),
        "JPEG, 36 MP, 10,000 faces": partial(sheet, faces),
    }


def measured(file: Path, folder: Path, python: str, limit: int) -> dict[str, Any]:
    """Peak memory, seconds and result of one file, analysed by the build in ``folder``."""
    try:
        done = subprocess.run(
            [python, str(CHILD), str(file)],
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=limit,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES)),
        )
    except subprocess.TimeoutExpired:
        return {"said": f"not done after {limit} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"said": f"died: {done.stderr.strip().splitlines()[-1:]}"}
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def row(name: str, size: int, results: list[dict[str, Any]]) -> str:
    """A line of the table."""
    cells = [name, f"{size / 1e6:.1f} MB"]
    for result in results:
        cells += [f"{result['mib']:,} MiB" if "mib" in result else "-"]
        cells += [f"{result['seconds']:.1f} s" if "seconds" in result else "-", result["said"]]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the inputs' names")
    parser.add_argument("--before", nargs=2, metavar=("FOLDER", "PYTHON"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    builds = [(Path(__file__).parents[2], sys.executable, SECONDS)]
    if options.before:
        folder, python = options.before
        builds.insert(0, (Path(folder).resolve(), python, SECONDS_BEFORE))
    found = {}
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "photo"
        for name, make in inputs(options.faces).items():
            if options.only and not any(part in name for part in options.only):
                continue
            file.write_bytes(make())
            found[name] = [measured(file, *build) for build in builds]
            print(row(name, file.stat().st_size, found[name]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
