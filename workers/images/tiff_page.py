"""The page of a TIFF that is its picture, and the facts of it that decide how it is read.

Tags and values are those of TIFF 6.0, its technical notes and libtiff's list.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from headcount.contract.vocabulary import Outcome
from headcount.errors import PhotoError
from workers.images.directories import Directory, directories, is_tiff

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
LINEAR_RAW = 34892
PHOTOMETRICS = {
    WHITE_IS_ZERO: "grey",
    BLACK_IS_ZERO: "grey",
    RGB: "RGB",
    PALETTE: "palette",
    4: "mask",
    SEPARATED: "CMYK",
    YCBCR: "YCbCr",
    LAB: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "colour filter array",
    32844: "LogL",
    32845: "LogLuv",
    LINEAR_RAW: "linear raw",
}
COMPRESSIONS = {
    1: "uncompressed",
    2: "CCITT",
    3: "fax",
    4: "fax",
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    8: "deflate",
    9: "JBIG",
    10: "JBIG",
    32773: "PackBits",
    32809: "ThunderScan",
    32946: "deflate",
    34661: "JBIG",
    34676: "LogLuv",
    34677: "LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG of a DNG",
    34925: "LZMA",
    34933: "PNG",
    34934: "JPEG XR",
    22610: "JPEG XR",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
BYTE_COMPRESSIONS = frozenset((1, 5, 8, 32773, 32946, 34925, 50000))
"""Those that pack any bytes, whatever the bytes mean."""
_PICTURE_COMPRESSIONS = frozenset((2, 3, 4, 6, 7))
"""Those of pictures that Pillow's libtiff reads in every build: fax and JPEG."""
_JPEGS = (6, 7)
_PILLOWS_COLOURS = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, LAB)
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, SEPARATED: 4, LINEAR_RAW: 3}
"""Samples that make a colour; further ones are masks, transparency or infrared."""
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
MAX_SAMPLES = 32
"""Most samples per pixel; infrared and saved selections make about five."""
_PILLOWS_BITS = {
    WHITE_IS_ZERO: (1, 2, 4, 8),
    BLACK_IS_ZERO: (1, 2, 4, 8),
    RGB: (8,),
    PALETTE: (1, 2, 4, 8),
    SEPARATED: (8,),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page's size, layout and meaning. Raises PhotoError if these cannot be."""

    fields: Directory
    width: int
    height: int
    bits: int
    samples: int
    number_format: int
    photometric: int
    compression: int
    separate: bool
    tile: tuple[int, int] | None
    orientation: int

    @property
    def colours(self) -> int:
        """Samples that make a colour."""
        return _COLOURS.get(self.photometric, self.samples)

    @property
    def associated(self) -> int | None:
        """Number of the sample that the colours were multiplied by; None where there is none."""
        extra = self.fields.numbers(338)
        if extra[:1] != [1] or self.samples == self.colours:
            return None
        return self.colours if self.photometric in (RGB, BLACK_IS_ZERO) else None

    @property
    def for_pillow(self) -> bool:
        """Whether Pillow reads this layout, and reads it right."""
        if self.compression not in BYTE_COMPRESSIONS:
            return True
        if self.photometric not in _COLOURS:
            return True
        return (
            262 in self.fields  # Pillow takes grey without it for white-is-zero
            and self.bits in _PILLOWS_BITS.get(self.photometric, ())
            and self.samples == self.colours
            and self.number_format == UNSIGNED
            and not self.fields.data.startswith(b"MM\0+")
        )

    @property
    def known(self) -> bool:
        """Whether a fault of the decoder is the file's, and not that its kind is not read."""
        known = self.compression in BYTE_COMPRESSIONS | _PICTURE_COMPRESSIONS
        deep = self.compression in _JPEGS and self.bits != 8
        return known and not deep and self.photometric in _PILLOWS_COLOURS

    def alone(self) -> bytes:
        """Give the file with this page as its first."""
        data, offset, order = self.fields.data, self.fields.offset, self.fields.order
        start, letter = (8, "Q") if data[2:4] in (b"+\0", b"\0+") else (4, "I")
        packed = struct.pack(order + letter, offset)
        end = start + len(packed)
        return data if data[start:end] == packed else data[:start] + packed + data[end:]

    def __str__(self) -> str:
        """The kind, in words: a reason tells it."""
        number = {SIGNED: "signed ", FLOAT: "float "}.get(self.number_format, "")
        colour = PHOTOMETRICS.get(self.photometric, f"photometric {self.photometric}")
        packing = COMPRESSIONS.get(self.compression, f"compression {self.compression}")
        return f"{packing} TIFF of {self.samples} x {self.bits} {number}bits, {colour}"


def unsupported(page: Page) -> PhotoError:
    """Name a kind that is not read."""
    return PhotoError(Outcome.UNREADABLE, f"not supported: {page}")


def main_page(data: bytes) -> Page | None:
    """Find the first full page of a TIFF, that below another one too; None for other files.

    A page that calls itself reduced, or a mask, counts only where there is no other.
    """
    if not is_tiff(data):
        return None
    pages = [each for each in directories(data) if each.number(256) and each.number(257)]
    full = (each for each in pages if not (is_reduced(each) or each.number(254) & _MASK))
    chosen = next(full, pages[0] if pages else None)
    return None if chosen is None else _page(chosen, pages[0])


def is_reduced(page: Directory) -> bool:
    """Whether the page says that it is a smaller copy of another one."""
    return bool(page.number(254) & _REDUCED) or page.number(255) == _OLD_REDUCED


def _page(fields: Directory, first: Directory) -> Page:
    compression, depths = fields.number(259, 1), fields.numbers(258) or [1]
    tile = (fields.number(322), fields.number(323)) if 322 in fields else None
    samples, turn = fields.number(277, 1), fields.number(274, first.number(274, 1))
    page = Page(
        fields,
        width=fields.number(256),
        height=fields.number(257),
        bits=depths[0],
        samples=samples,
        number_format=fields.number(339) or UNSIGNED,
        photometric=fields.number(262, RGB if samples >= 3 else BLACK_IS_ZERO),
        compression=compression,
        separate=fields.number(284, 1) == 2,
        tile=tile,
        orientation=turn if 1 <= turn <= 8 else 1,
    )
    if len(set(depths)) > 1 and compression in BYTE_COMPRESSIONS:
        reason = f"not supported: TIFF of {', '.join(map(str, depths[:8]))} bits"
        raise PhotoError(Outcome.UNREADABLE, reason)
    return page
