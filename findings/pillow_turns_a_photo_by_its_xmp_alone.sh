#!/usr/bin/env bash
# Pillow turns a photo by its XMP alone, and pillow-heif makes of that a turn for every viewer
#
# One would guess: exif_transpose goes by EXIF, as viewers do, and a converter to HEIC keeps the pixels as
# they are shown.
# Seen: Pillow 13.0.0's getexif() takes tiff:Orientation of the XMP where EXIF has none, in JPEG, PNG, WebP and
# TIFF, and exif_transpose turns by it. OpenCV 5.0.0.93's imread leaves all four as they are.
# pillow-heif 1.8.1 writes the turn into the box irot, by which all viewers turn.
# Why it matters for photo archives: editors leave a stale tiff:Orientation behind once they have turned the
# pixels themselves. Such a photo is upright everywhere, and on its side in a program with Pillow, where faces
# are not found; converted to HEIC it is on its side for good.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir \
  pillow==13.0.0 pillow-heif==1.8.1 opencv-python-headless==5.0.0.93 numpy

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import sys

import cv2
import pillow_heif
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
text = PngInfo()
text.add_itxt("XML:com.adobe.xmp", XMP.decode())
ways = {
    "jpg": {"xmp": XMP},
    "png": {"pnginfo": text},
    "webp": {"xmp": XMP},
    "tiff": {"tiffinfo": {700: XMP}},
}
seen = {}
for suffix, options in ways.items():
    Image.new("RGB", (96, 64), "red").save(f"photo.{suffix}", **options)
    pillow = ImageOps.exif_transpose(Image.open(f"photo.{suffix}")).size
    opencv = cv2.imread(f"photo.{suffix}").shape[1::-1]
    seen[suffix] = pillow, opencv
    print(f"96 x 64 as {suffix:4}  Pillow {pillow}  OpenCV {opencv}")

file = io.BytesIO()
pillow_heif.from_pillow(Image.open("photo.jpg")).save(file)
box = b"irot" in file.getvalue()
print("converted to HEIC by pillow-heif: a turning box", "is there" if box else "is not there")
turned = all(pillow == (64, 96) for pillow, _ in seen.values())
left = all(opencv == (96, 64) for _, opencv in seen.values())
sys.exit(0 if turned and left and box else 1)
PYTHON
