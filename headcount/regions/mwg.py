"""Regions of the Metadata Working Group (MWG 2.0, 5.9): digiKam, Lightroom, Apple and others.

A box is its centre and size in shares of the stored picture's sides; Lightroom leaves the unit out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from headcount.regions.region import Region, Shares, box_of, centred, number, sides_of
from headcount.regions.xmp import Value, Xmp, structure_of, structures_of, text_of

REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/"
AREA = "http://ns.adobe.com/xmp/sType/Area#"
DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"


def read_regions(xmp: Xmp) -> Iterator[Region]:
    """Yield the regions of a packet."""
    info = structure_of(xmp.get(REGIONS + "Regions"))
    sides = structure_of(info.get(REGIONS + "AppliedToDimensions"))
    applied_to = sides_of(
        text_of(sides.get(DIMENSIONS + "w")), text_of(sides.get(DIMENSIONS + "h"))
    )
    for region in structures_of(info.get(REGIONS + "RegionList")):
        yield Region(
            "mwg",
            _box(structure_of(region.get(REGIONS + "Area")), applied_to),
            text_of(region.get(REGIONS + "Name")),
            text_of(region.get(REGIONS + "Type")),
            applied_to=applied_to,
        )


def _box(area: dict[str, Value], applied_to: tuple[int, int] | None) -> Shares | None:
    x, y, w, h, d = (number(text_of(area.get(AREA + name))) for name in "xywhd")
    pixels = text_of(area.get(AREA + "unit")).lower() == "pixel"
    if applied_to and not math.isnan(d):  # a circle: its diameter is in shares of the shorter side
        width, height = applied_to
        across = d if pixels else d * min(applied_to)
        w, h = (across, across) if pixels else (across / width, across / height)
    if not pixels:
        return centred((x, y, w, h))
    if applied_to is None:
        return None
    width, height = applied_to
    return box_of((x - w / 2) / width, (y - h / 2) / height, w / width, h / height)
