"""Regions of Microsoft's Photo Gallery, which digiKam and Picasa write too.

A box is its top left corner and size in shares of the stored picture's sides, as one text.
"""

from __future__ import annotations

from collections.abc import Iterator

from headcount.regions.region import Region, Shares, box_of, number
from headcount.regions.xmp import Xmp, structure_of, structures_of, text_of

_INFO = "http://ns.microsoft.com/photo/1.2/RegionInfo"
_REGIONS = "http://ns.microsoft.com/photo/1.2/t/RegionInfo#Regions"
_REGION = "http://ns.microsoft.com/photo/1.2/t/Region#"
_IGNORED = "ffffffffffffffff"
"""The name of a face that Picasa's user wants to be nobody."""


def read_regions(xmp: Xmp) -> Iterator[Region]:
    """Yield the regions of a packet; people without a box are legal."""
    for region in structures_of(structure_of(xmp.get(_INFO)).get(_REGIONS)):
        name = text_of(region.get(_REGION + "PersonDisplayName"))
        box = _box(text_of(region.get(_REGION + "Rectangle")))
        yield Region("mp", box, "" if name == _IGNORED else name, "Face")


def _box(rectangle: str) -> Shares | None:
    numbers = [number(part) for part in rectangle.split(",")[:5]]
    return box_of(*numbers) if len(numbers) == 4 else None
