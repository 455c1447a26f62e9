import struct

from tests.workers.dated import box
from workers.images.items import boxes_parts


def full(kind: bytes, content: bytes) -> bytes:
    return box(kind, bytes(4) + content)


def entry(number: int, kind: bytes, more: bytes = b"") -> bytes:
    return box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + kind + b"\0" + more)


def file(*, refers: int) -> bytes:
    """A HEIC of a picture (1) and its depth map (2), with EXIF (3) and XMP (4) of one of them."""
    blocks = {3: struct.pack(">I", 6) + b"Exif\0\0II*\0", 4: b"<x/>"}
    kinds = [(1, b"hvc1"), (2, b"hvc1"), (3, b"Exif"), (4, b"mime")]
    listed = b"".join(entry(n, kind, b"application/rdf+xml\0") for n, kind in kinds)
    places, at = b"", 0
    for number, block in blocks.items():
        places += struct.pack(">HHHHII", number, 1, 0, 1, at, len(block))  # built of idat
        at += len(block)
    describes = b"".join(box(b"cdsc", struct.pack(">HHH", n, 1, refers)) for n in blocks)
    meta = (
        full(b"pitm", struct.pack(">H", 1))
        + full(b"iinf", struct.pack(">H", len(kinds)) + listed)
        + full(b"iref", describes)
        + box(b"iloc", struct.pack(">IHH", 1 << 24, 0x4400, len(blocks)) + places)
        + box(b"idat", b"".join(blocks.values()))
    )
    return box(b"ftyp", b"heic" + bytes(4)) + full(b"meta", meta)


def test_items_of_the_picture_are_found_and_those_of_its_depth_map_are_not() -> None:
    assert list(boxes_parts(file(refers=1))) == [("exif", b"II*\0"), ("xmp", b"<x/>")]
    assert list(boxes_parts(file(refers=2))) == []


def test_a_file_that_is_cut_has_what_is_there() -> None:
    data = file(refers=1)
    assert list(boxes_parts(data[:-4])) == [("exif", b"II*\0"), ("xmp", b"")]
    assert list(boxes_parts(data[:40])) == []
