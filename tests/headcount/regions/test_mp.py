import pytest

from headcount.regions.mp import read_regions
from headcount.regions.xmp import read_xmp
from tests.packets import packet

REGIONS = """<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>
 <rdf:li MPReg:PersonDisplayName="Ann" MPReg:Rectangle="0.4, 0.35, 0.2, 0.1"/>
 <rdf:li MPReg:PersonDisplayName="ffffffffffffffff" MPReg:Rectangle="0,0,1,1"/>
 <rdf:li MPReg:PersonDisplayName="Bob"/>
 <rdf:li MPReg:Rectangle="0.1, x, 0.2, 0.1"/>
</rdf:Bag></MPRI:Regions></MP:RegionInfo>"""


def test_a_box_is_one_text_from_the_top_left_corner() -> None:
    found = [(region.name, region.box) for region in read_regions(read_xmp([packet(REGIONS)]))]
    assert found == [
        ("Ann", (0.4, 0.35, 0.2, 0.1)),
        ("", (0, 0, 1, 1)),
        ("Bob", None),
        ("", None),
    ]


@pytest.mark.parametrize("inside", ["", "<MP:RegionInfo>text</MP:RegionInfo>"])
def test_other_forms_say_nothing(inside: str) -> None:
    assert list(read_regions(read_xmp([packet(inside)]))) == []
