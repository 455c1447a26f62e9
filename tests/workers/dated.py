"""Files of every format with EXIF, XMP and IPTC in them, made in code."""

from __future__ import annotations

import io
import struct
import zlib

import pillow_heif
from PIL import Image as Pillow

EXIF_IFD = 0x8769
NAMES = {
    "taken": 0x9003,
    "digitised": 0x9004,
    "fraction": 0x9291,
    "offset": 0x9011,
    "digitised_offset": 0x9012,
}


def exif(changed: str = "", **texts: str) -> bytes:
    """An EXIF block with its six letters, as Pillow writes it."""
    block = Pillow.Exif()
    if changed:
        block[0x0132] = changed
    if texts:
        block.get_ifd(EXIF_IFD).update({NAMES[name]: text for name, text in texts.items()})
    return block.tobytes()


def iim(**texts: str) -> bytes:
    """An IPTC block: keyword, date, time."""
    numbers = {"keyword": 25, "date": 55, "time": 60}
    sets = [(1, 90, b"\x1b%G")] + [(2, numbers[n], text.encode()) for n, text in texts.items()]
    return b"".join(struct.pack(">BBBH", 0x1C, *key, len(v)) + v for *key, v in sets)


def resource(block: bytes) -> bytes:
    """IPTC as Photoshop's resource, after another one with a name."""
    other = b"8BIM\x03\xed\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    return other + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    """A JPEG with further segments after its first bytes."""
    plain = saved("JPEG")
    return plain[:2] + b"".join(segments) + plain[2:]


def app1_xmp(packet: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def app13(block: bytes) -> bytes:
    return segment(0xED, b"Photoshop 3.0\0" + resource(block))


def extended(packet: bytes, guid: bytes, size: int = 60_000) -> list[bytes]:
    """Segments of extended XMP, the last first."""
    head = b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">I", len(packet))
    pieces = [(at, packet[at : at + size]) for at in range(0, len(packet), size)]
    return [segment(0xE1, head + struct.pack(">I", at) + piece) for at, piece in reversed(pieces)]


def saved(kind: str, **options: object) -> bytes:
    """A small picture, saved by Pillow or pillow-heif."""
    file, picture = io.BytesIO(), Pillow.new("RGB", (64, 48), (90, 120, 150))
    if kind == "HEIF":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png(*chunks: bytes) -> bytes:
    """A PNG with further chunks before its end."""
    plain = saved("PNG")
    return plain[:-12] + b"".join(chunks) + plain[-12:]


def gif(packet: bytes) -> bytes:
    """A GIF with XMP behind its picture."""
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return saved("GIF")[:-1] + b"!\xff\x0bXMP DataXMP" + packet + trailer + b";"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def cr3(tiff: bytes) -> bytes:
    """The begin of a CR3: Canon's box with an EXIF directory as a TIFF of its own."""
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    inside = box(b"CMT1", b"II*\0\x08\0\0\0\0\0") + box(b"CMT2", tiff)
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", canon + inside))


def jp2(packet: bytes, tiff: bytes) -> bytes:
    """A JPEG 2000 with XMP and EXIF in boxes behind its picture."""
    xmp = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    boxes = box(b"uuid", xmp + packet) + box(b"uuid", b"JpgTiffExif->JP2" + tiff)
    plain = saved("JPEG2000")
    at = plain.index(b"jp2c") - 4
    return plain[:at] + boxes + plain[at:]


def raf(photo: bytes) -> bytes:
    """The begin of a RAF, with a JPEG in it."""
    head = b"FUJIFILMCCD-RAW 0201FF383501" + bytes(56)
    return head + struct.pack(">II", 100, len(photo)) + bytes(8) + photo


def exif_alone(text: str) -> bytes:
    """A TIFF whose first directory is EXIF's own, with the time at which the photo was taken."""
    value = text.encode() + b"\0"
    entry = struct.pack("<HHII", NAMES["taken"], 2, len(value), 26)
    return b"II*\0\x08\0\0\0\1\0" + entry + b"\0\0\0\0" + value
