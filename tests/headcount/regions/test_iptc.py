import pytest

from headcount.regions.iptc import read_regions
from headcount.regions.xmp import read_xmp
from tests.packets import listed, packet


def region(boundary: str) -> str:
    return (
        '<Iptc4xmpExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource">'
        f'<Iptc4xmpExt:RegionBoundary rdf:parseType="Resource">{boundary}'
        "</Iptc4xmpExt:RegionBoundary>"
        f"{listed('Iptc4xmpExt:Name', 'Ann', kind='Alt')}"
        f"{listed('Iptc4xmpExt:PersonInImage', 'Ann', 'Bob')}"
        '<Iptc4xmpExt:rCtype><rdf:Bag><rdf:li rdf:parseType="Resource">'
        f"{listed('Iptc4xmpExt:Name', 'human', kind='Alt')}"
        "</rdf:li></rdf:Bag></Iptc4xmpExt:rCtype></rdf:li></rdf:Bag></Iptc4xmpExt:ImageRegion>"
    )


def said(**numbers: object) -> str:
    return "".join(f"<Iptc4xmpExt:{n}>{v}</Iptc4xmpExt:{n}>" for n, v in numbers.items())


SHARES = {"rbX": 0.4, "rbY": 0.35, "rbW": 0.2, "rbH": 0.1}
CORNERS = (
    said(rbUnit="relative", rbShape="polygon")
    + "<Iptc4xmpExt:rbVertices><rdf:Seq>"
    + "".join(
        f'<rdf:li rdf:parseType="Resource">{said(rbX=x, rbY=y)}</rdf:li>'
        for x, y in ((0.4, 0.45), (0.6, 0.45), (0.5, 0.35))
    )
    + "</rdf:Seq></Iptc4xmpExt:rbVertices>"
)


@pytest.mark.parametrize(
    ("boundary", "box"),
    [
        (said(rbUnit="relative", rbShape="rectangle", **SHARES), (0.4, 0.35, 0.2, 0.1)),
        (said(rbUnit="Relative", rbShape="Rectangle", **SHARES), (0.4, 0.35, 0.2, 0.1)),
        (CORNERS, (0.4, 0.35, 0.2, 0.1)),
        (said(rbUnit="pixel", rbShape="rectangle", rbX=1, rbY=1, rbW=9, rbH=9), None),
        (said(rbUnit="relative", rbShape="circle", rbX=0.5, rbY=0.5, rbRx=0.1), None),
        (said(rbUnit="relative", rbShape="polygon"), None),
    ],
)
def test_rectangles_and_polygons_in_shares_have_a_box(
    boundary: str, box: tuple[float, ...] | None
) -> None:
    [found] = read_regions(read_xmp([packet(region(boundary))]))
    assert found.box == box
    assert (found.name, found.people, found.type) == ("Ann", ("Bob",), "human")
