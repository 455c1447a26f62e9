"""Image regions of IPTC's Photo Metadata Standard (2019.1 and later).

A rectangle is its top left corner and size. Circles have no box here, since what their radius is a
share of is not settled, and boxes in pixels neither, since nothing says of which picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from headcount.regions.region import Region, Shares, box_of, number
from headcount.regions.xmp import Value, Xmp, structure_of, structures_of, text_of, texts_of

EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"


def read_regions(xmp: Xmp) -> Iterator[Region]:
    """Yield the regions of a packet."""
    for region in structures_of(xmp.get(EXTENSION + "ImageRegion")):
        name = text_of(region.get(EXTENSION + "Name"))
        people = texts_of(region.get(EXTENSION + "PersonInImage"))
        yield Region(
            "iptc",
            _box(structure_of(region.get(EXTENSION + "RegionBoundary"))),
            name,
            _kind(region),
            tuple(person for person in people if person != name),
        )


def _kind(region: dict[str, Value]) -> str:
    """The first type that the region's content has by name."""
    for kind in structures_of(region.get(EXTENSION + "rCtype")):
        if name := text_of(kind.get(EXTENSION + "Name")):
            return name
    return ""


def _box(boundary: dict[str, Value]) -> Shares | None:
    def said(name: str) -> str:
        return text_of(boundary.get(EXTENSION + name)).lower()

    if said("rbUnit") != "relative" or said("rbShape") not in ("rectangle", "polygon"):
        return None
    if said("rbShape") == "polygon":
        return _around(structures_of(boundary.get(EXTENSION + "rbVertices")))
    return box_of(*(number(said(name)) for name in ("rbX", "rbY", "rbW", "rbH")))


def _around(corners: list[dict[str, Value]]) -> Shares | None:
    """The box around a polygon."""
    if not corners:
        return None
    x, y = (
        [number(text_of(corner.get(EXTENSION + name))) for corner in corners]
        for name in ("rbX", "rbY")
    )
    return box_of(min(x), min(y), max(x) - min(x), max(y) - min(y))
