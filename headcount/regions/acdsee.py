"""Regions of ACDSee: as MWG's, in namespaces of their own.

A region has the box that the program shows (DLYArea) and the one that it found (ALGArea).
"""

from __future__ import annotations

from collections.abc import Iterator

from headcount.regions.region import Region, Shares, centred, number, sides_of
from headcount.regions.xmp import Value, Xmp, structure_of, structures_of, text_of

_REGIONS = "http://ns.acdsee.com/regions/"
_AREA = "http://ns.acdsee.com/sType/Area#"
_DIMENSIONS = "http://ns.acdsee.com/sType/Dimensions#"
_DENIED = "denied"
"""The name is one that somebody took away from the region."""


def read_regions(xmp: Xmp) -> Iterator[Region]:
    """Yield the regions of a packet."""
    info = structure_of(xmp.get(_REGIONS + "Regions"))
    sides = structure_of(info.get(_REGIONS + "AppliedToDimensions"))
    applied_to = sides_of(*(text_of(sides.get(_DIMENSIONS + name)) for name in "wh"))
    for region in structures_of(info.get(_REGIONS + "RegionList")):
        denied = text_of(region.get(_REGIONS + "NameAssignType")).lower() == _DENIED
        yield Region(
            "acdsee",
            _box(region),
            "" if denied else text_of(region.get(_REGIONS + "Name")),
            text_of(region.get(_REGIONS + "Type")),
            applied_to=applied_to,
        )


def _box(region: dict[str, Value]) -> Shares | None:
    for name in ("DLYArea", "ALGArea"):
        area = structure_of(region.get(_REGIONS + name))
        box = centred([number(text_of(area.get(_AREA + side))) for side in "xywh"])
        if box:
            return box
    return None
