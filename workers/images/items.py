"""Metadata in boxes: items of HEIC and AVIF, and boxes of CR3 and JPEG 2000."""

from __future__ import annotations

from collections.abc import Iterator

from workers.images.part import LARGEST, Part

_MOST, _NUMBERS = 20_000, 200_000
"""Boxes of a level, or items, that are looked at, and numbers of their table."""
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_JP2_EXIF = b"JpgTiffExif->JP2"
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_KINDS = {_XMP: "xmp", _IPTC: "iptc", _JP2_EXIF: "exif"}
"""Boxes of metadata by the number that a `uuid` box begins with."""
_RDF = b"application/rdf+xml"

Span = tuple[int, int]
"""The first byte, and the one after the last."""


def boxes_parts(data: bytes) -> Iterator[Part]:
    """Yield the metadata of a file in boxes, wherever these are whole."""
    for kind, start, end in _boxes(data, (0, len(data))):
        if kind == b"meta":
            yield from _items(data, (start + 4, end))
        elif kind == b"uuid":
            yield from _uuid(data, (start, end))
        elif kind == b"moov":
            yield from _canon(data, (start, end))


def _boxes(data: bytes, span: Span) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's kind and the span of its content; stop where they contradict themselves."""
    at, end = span
    for _ in range(_MOST):
        if at + 8 > end:
            return
        size, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        size = size or end - at
        if size < head:
            return
        yield kind, at + head, min(at + size, end)
        at += size


def _uuid(data: bytes, span: Span) -> Iterator[Part]:
    start, end = span
    kind = _KINDS.get(data[start : start + 16])
    if kind and end - start - 16 <= LARGEST:
        yield kind, data[start + 16 : end]


def _canon(data: bytes, span: Span) -> Iterator[Part]:
    """Yield the EXIF directory of a CR3, which is a TIFF structure of its own (CMT2)."""
    for kind, start, end in _boxes(data, span):
        if kind == b"uuid" and data[start : start + 16] == _CANON:
            for inner, first, last in _boxes(data, (start + 16, end)):
                if inner == b"CMT2" and last - first <= LARGEST:
                    yield "exif", data[first:last]


def _items(data: bytes, span: Span) -> Iterator[Part]:
    """Yield the items of a meta box that are EXIF or XMP, but for those of other pictures in it."""
    boxes = {kind: (start, end) for kind, start, end in _boxes(data, span)}
    if not boxes.keys() >= {b"iinf", b"iloc"}:
        return
    kinds = _item_kinds(data, boxes[b"iinf"])
    for item in _of_others(data, boxes.get(b"iref", (0, 0)), boxes.get(b"pitm", (0, 0))):
        kinds.pop(item, None)
    idat = boxes.get(b"idat", (0, 0))[0]
    for item, places in _places(data, boxes[b"iloc"], idat):
        kind = kinds.get(item)
        if kind and sum(length for _, length in places) <= LARGEST:
            block = b"".join(data[at : at + length] for at, length in places)
            yield kind, block[4 + int.from_bytes(block[:4]) :] if kind == "exif" else block


def _item_kinds(data: bytes, span: Span) -> dict[int, str]:
    """What the items are that hold metadata, by number."""
    start, end = span
    kinds = {}
    first = start + (8 if data[start : start + 1] > b"\0" else 6)
    for name, at, last in _boxes(data, (first, end)):
        long = 2 if data[at : at + 1] == b"\3" else 0
        number = int.from_bytes(data[at + 4 : at + 6 + long])
        kind = data[at + 8 + long : at + 12 + long]
        if name == b"infe" and kind == b"Exif":
            kinds[number] = "exif"
        elif name == b"infe" and kind == b"mime" and _RDF in data[at : min(last, at + 512)]:
            kinds[number] = "xmp"
    return kinds


def _of_others(data: bytes, references: Span, primary: Span) -> Iterator[int]:
    """Yield items that describe others than the primary one, as the depth map's XMP does."""
    wide = 4 if data[primary[0] : primary[0] + 1] > b"\0" else 2
    main = data[primary[0] + 4 : primary[0] + 4 + wide]
    start, end = references
    size = 4 if data[start : start + 1] > b"\0" else 2
    for kind, at, last in _boxes(data, (start + 4, end)):
        if kind == b"cdsc":
            told = data[at + size + 2 : min(last, at + size + 2 + _MOST)]
            of = {told[n : n + size].lstrip(b"\0") for n in range(0, len(told), size)}
            if main.lstrip(b"\0") not in of:
                yield int.from_bytes(data[at : at + size])


class _Numbers:
    """Big-endian numbers, one after another."""

    def __init__(self, data: bytes, span: Span) -> None:
        self._data, (self.at, self.end) = data, span
        self._left = _NUMBERS

    def take(self, size: int) -> int:
        self.at += size
        self._left -= 1
        if self.at > self.end or self._left < 0:
            raise ValueError("it ends within a number, or has too many")
        return int.from_bytes(self._data[self.at - size : self.at])


def _places(data: bytes, span: Span, idat: int) -> Iterator[tuple[int, list[Span]]]:
    """Yield where each item lies: its number, and offset and length of its pieces."""
    numbers = _Numbers(data, span)
    version = numbers.take(4) >> 24
    sizes = numbers.take(2)
    offset, length, base, index = ((sizes >> shift) & 15 for shift in (12, 8, 4, 0))
    wide = 2 if version < 2 else 4
    for _ in range(min(numbers.take(wide), _MOST)):
        item = numbers.take(wide)
        method = numbers.take(2) & 15 if version else 0
        numbers.take(2)
        began, places = numbers.take(base) + (idat if method == 1 else 0), []
        for _ in range(min(numbers.take(2), _MOST)):
            numbers.take(index if version else 0)
            at = began + numbers.take(offset)
            places.append((at, numbers.take(length) or len(data)))
        if method < 2:
            yield item, places
