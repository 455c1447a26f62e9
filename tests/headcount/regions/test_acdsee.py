from headcount.regions.acdsee import read_regions
from headcount.regions.xmp import read_xmp
from tests.packets import packet


def area(name: str, *numbers: float) -> str:
    said = " ".join(f'acdArea:{n}="{v}"' for n, v in zip("xywh", numbers, strict=False))
    return f"<acdsee-rs:{name} {said}/>"


def region(name: str, kind: str, *areas: str) -> str:
    return (
        f'<rdf:li><rdf:Description acdsee-rs:Name="{name}" acdsee-rs:Type="Face"'
        f' acdsee-rs:NameAssignType="{kind}">{"".join(areas)}</rdf:Description></rdf:li>'
    )


def test_the_shown_box_comes_first_and_a_denied_name_is_none() -> None:
    shown, found = area("DLYArea", 0.5, 0.4, 0.2, 0.1), area("ALGArea", 0.5, 0.5, 0.5, 0.5)
    regions = region("Ann", "manual", shown, found) + region("Bob", "denied", found)
    inside = (
        '<acdsee-rs:Regions rdf:parseType="Resource"><acdsee-rs:RegionList><rdf:Bag>'
        f"{regions}</rdf:Bag></acdsee-rs:RegionList></acdsee-rs:Regions>"
    )
    got = [(r.name, r.type, r.box) for r in read_regions(read_xmp([packet(inside)]))]
    assert got == [
        ("Ann", "Face", (0.4, 0.35, 0.2, 0.1)),
        ("", "Face", (0.25, 0.25, 0.5, 0.5)),
    ]
