import pytest

from headcount.regions.mwg import read_regions
from headcount.regions.region import Region
from headcount.regions.xmp import read_xmp
from tests.packets import mwg, packet

ELEMENTS = """<mwg-rs:Regions rdf:parseType="Resource">
 <mwg-rs:AppliedToDimensions rdf:parseType="Resource">
  <stDim:w>600</stDim:w><stDim:h>400</stDim:h></mwg-rs:AppliedToDimensions>
 <mwg-rs:RegionList><rdf:Seq><rdf:li rdf:parseType="Resource">
  <mwg-rs:Area rdf:parseType="Resource">
   <stArea:x>0.5</stArea:x><stArea:y>0.4</stArea:y><stArea:w>0.2</stArea:w><stArea:h>0.1</stArea:h>
   <stArea:unit>normalized</stArea:unit></mwg-rs:Area>
  <mwg-rs:Name>Ann</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type>
 </rdf:li></rdf:Seq></mwg-rs:RegionList></mwg-rs:Regions>"""


@pytest.mark.parametrize("inside", [mwg("Ann"), ELEMENTS], ids=["attributes", "elements"])
def test_a_box_is_given_by_its_centre(inside: str) -> None:
    wanted = Region("mwg", (0.4, 0.35, 0.2, 0.1), "Ann", "Face", applied_to=(600, 400))
    assert list(read_regions(read_xmp([packet(inside)]))) == [wanted]


@pytest.mark.parametrize("area", [(0.1, 0.1, -0.2, 0.1), (0.1, 0.1, 0, 0), (float("nan"),) * 4])
def test_a_region_without_an_area_has_no_box(area: tuple[float, ...]) -> None:
    [region] = read_regions(read_xmp([packet(mwg("Ann", area))]))
    assert (region.box, region.name) == (None, "Ann")


@pytest.mark.parametrize(
    ("area", "box"),
    [
        (
            'stArea:x="300" stArea:y="160" stArea:w="120" stArea:h="40" stArea:unit="pixel"',
            (0.4, 0.35, 0.2, 0.1),
        ),
        ('stArea:x="0.5" stArea:y="0.5" stArea:d="0.3"', (0.4, 0.35, 0.2, 0.3)),
        ('stArea:x="0.5" stArea:y="0.5"', None),
    ],
    ids=["pixels", "circle", "point"],
)
def test_pixels_and_circles_become_shares(area: str, box: tuple[float, ...] | None) -> None:
    one = 'stArea:x="0.5" stArea:y="0.4" stArea:w="0.2" stArea:h="0.1"'
    [region] = read_regions(read_xmp([packet(mwg("Ann").replace(one, area))]))
    assert region.box == box
