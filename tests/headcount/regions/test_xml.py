import pytest

from headcount.regions.xml import DEEPEST, LARGEST, MOST_NODES, UnfitXml, parse

LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{10 * f"&{a};"}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><x>&i;</x>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    "text",
    [
        *(LAUGHS, OUTSIDE, '<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><x/>', "<x>&a;</x>"),
        *("", "no XML", "<x>", "<x></y>", "<p:x/>", '<x a="1" a="2"/>'),
        "<x>" * (DEEPEST + 1) + "</x>" * (DEEPEST + 1),
        "<x>" + "<y/>" * (MOST_NODES + 1) + "</x>",
        "<x>" + " " * LARGEST + "</x>",
        '<?xml version="1.0" encoding="klingon"?><x/>',
    ],
    ids=str.__len__,
)
def test_a_document_that_is_hostile_or_no_xml_is_refused(text: str) -> None:
    with pytest.raises(UnfitXml):
        parse(text.encode())


def test_names_are_namespace_and_name_whatever_the_prefix() -> None:
    root = parse(b'\0<a:x xmlns:a="ns/" a:b="1"> text<y/> more</a:x>\0\0')
    assert (root.name, root.attributes, root.text) == ("ns/x", {"ns/b": "1"}, " text more")
    assert [child.name for child in root.children] == ["y"]


def test_a_packet_in_utf_16_is_read() -> None:
    assert parse("<x>Zoë</x>".encode("utf-16")).text == "Zoë"
