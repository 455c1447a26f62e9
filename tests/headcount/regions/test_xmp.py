import pytest

from headcount.regions.xmp import read_xmp, structures_of, text_of, texts_of
from tests.packets import SPACES, listed, packet

DC, MWG = SPACES["dc"], SPACES["mwg-rs"]


@pytest.mark.parametrize("kind", ["Bag", "Seq", "Alt"])
def test_a_list_is_read_in_any_container(kind: str) -> None:
    found = read_xmp([packet(listed("dc:subject", "a", "b", kind=kind))])
    assert found[DC + "subject"] == ["a", "b"]


@pytest.mark.parametrize(
    "inside",
    [
        '<mwg-rs:Area stArea:x="1" stArea:y="2"/>',
        '<mwg-rs:Area rdf:parseType="Resource"><stArea:x>1</stArea:x>'
        "<stArea:y>2</stArea:y></mwg-rs:Area>",
        '<mwg-rs:Area><rdf:Description stArea:x="1"><stArea:y>2</stArea:y>'
        "</rdf:Description></mwg-rs:Area>",
        '<mwg-rs:Area rdf:parseType="Resource" stArea:x="1" stArea:y="2"/>',
    ],
)
def test_a_structure_is_read_in_every_form(inside: str) -> None:
    area = SPACES["stArea"]
    assert read_xmp([packet(inside)])[MWG + "Area"] == {area + "x": "1", area + "y": "2"}


def test_items_may_have_attributes_and_content() -> None:
    inside = '<dc:x><rdf:Bag><rdf:li dc:a="1"><dc:b>2</dc:b></rdf:li></rdf:Bag></dc:x>'
    [item] = structures_of(read_xmp([packet(inside)])[DC + "x"])
    assert item == {DC + "a": "1", DC + "b": "2"}


def test_qualifiers_languages_and_references_give_the_value_itself() -> None:
    inside = (
        '<dc:a rdf:parseType="Resource"><rdf:value>1</rdf:value><dc:q>x</dc:q></dc:a>'
        '<dc:b rdf:resource="urn:2"/>'
        '<dc:c><rdf:Alt><rdf:li xml:lang="x-default">3</rdf:li></rdf:Alt></dc:c>'
    )
    found = read_xmp([packet(inside)])
    assert [text_of(found[DC + name]) for name in "abc"] == ["1", "urn:2", "3"]


def test_of_a_property_that_stands_twice_the_first_counts_and_lists_are_joined() -> None:
    packets = [
        packet(listed("dc:subject", "a"), dc__x="1"),
        b"no XML at all",
        packet(listed("dc:subject", "b"), dc__x="2"),
    ]
    found = read_xmp(packets)
    assert texts_of(found[DC + "subject"]) == ["a", "b"]
    assert found[DC + "x"] == "1"
