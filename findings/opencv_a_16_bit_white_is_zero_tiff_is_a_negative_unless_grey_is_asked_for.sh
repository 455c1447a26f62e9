#!/usr/bin/env bash
# A white-is-zero TIFF (a scan, a fax, a film scanner's grey) in OpenCV and Pillow: of 8 bits it is the picture,
# of 16 bits its negative, and in OpenCV only with the flag that is meant to change nothing
#
# One would guess: PhotometricInterpretation 0 is undone by the decoder, or left to the caller, at every depth and
# by every flag alike; and IMREAD_UNCHANGED is IMREAD_GRAYSCALE without its reduction to 8 bits.
# Seen: OpenCV 4.10.0, 4.12.0 and 5.0.0 give the picture of 8 bits by both flags. Of 16 bits IMREAD_GRAYSCALE gives the
# picture and IMREAD_UNCHANGED its negative. Pillow 12.0.0 and 13.0.0: the picture of 8 bits, the negative of 16.
# None says a word. Printed is what is read of a black pixel and of a white one, in the depth of the result.
# Why it matters for photo archives: scanners write both depths by a setting. Whoever reads 16 bits to lose
# nothing reads negatives, and in a negative no face is found: somebody is then missing without a reason.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cat > "$work/ask.py" <<'PYTHON'
import io
import struct
import sys


def scan(bits):
    """A grey TIFF of 4 x 1 pixels, white is zero: two black ones, then two white ones."""
    top = (1 << bits) - 1
    rows = struct.pack("<4H" if bits == 16 else "<4B", top, top, 0, 0).ljust(8, b"\0")
    size = 4 * bits // 8
    fields = [(256, 4), (257, 1), (258, bits), (259, 1), (262, 0), (273, 8), (277, 1), (278, 1), (279, size)]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    return b"II*\0" + struct.pack("<I", 16) + rows + struct.pack("<H", len(fields)) + directory + bytes(4)


def ends(values):
    return f"{int(values[0][0])}..{int(values[0][-1])}"


if sys.argv[1] == "opencv":
    import cv2
    import numpy as np

    for flag in ("UNCHANGED", "GRAYSCALE"):
        read = [cv2.imdecode(np.frombuffer(scan(bits), np.uint8), getattr(cv2, f"IMREAD_{flag}")) for bits in (8, 16)]
        print(f"opencv {cv2.__version__} {flag}|8 bits {ends(read[0])}|16 bits {ends(read[1])}")
else:
    import PIL
    from PIL import Image

    read = [Image.open(io.BytesIO(scan(bits))) for bits in (8, 16)]
    shown = [f"{one.getpixel((0, 0))}..{one.getpixel((3, 0))}" for one in read]
    print(f"pillow {PIL.__version__}|8 bits {shown[0]}|16 bits {shown[1]}")
PYTHON

for package in opencv-python-headless==4.10.0.84 opencv-python-headless==4.12.0.88 \
  opencv-python-headless==5.0.0.93 pillow==12.0.0 pillow==13.0.0; do
  "$python" -m venv "$work/$package"
  "$work/$package/bin/pip" install -q --disable-pip-version-check --no-cache-dir "$package"
  "$work/$package/bin/python" "$work/ask.py" "${package%%[-=]*}"
done | tee "$work/seen"

cat > "$work/as_seen" <<'SEEN'
opencv 4.10.0 UNCHANGED|8 bits 0..255|16 bits 65535..0
opencv 4.10.0 GRAYSCALE|8 bits 0..255|16 bits 0..255
opencv 4.12.0 UNCHANGED|8 bits 0..255|16 bits 65535..0
opencv 4.12.0 GRAYSCALE|8 bits 0..255|16 bits 0..255
opencv 5.0.0 UNCHANGED|8 bits 0..255|16 bits 65535..0
opencv 5.0.0 GRAYSCALE|8 bits 0..255|16 bits 0..255
pillow 12.0.0|8 bits 0..255|16 bits 65535..0
pillow 13.0.0|8 bits 0..255|16 bits 65535..0
SEEN
if diff "$work/as_seen" "$work/seen"; then
  echo "as seen"
else
  echo "this has changed"
  exit 1
fi
