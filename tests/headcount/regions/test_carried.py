import json
import unicodedata

import pytest

from headcount.contract.vocabulary import person_id
from headcount.regions.carried import LARGEST, LONGEST, carried_json, without_people
from headcount.regions.xmp import Xmp, read_xmp
from tests.packets import listed, mwg, packet

EVERYTHING = packet(
    mwg("Ann")
    + listed("Iptc4xmpExt:PersonInImage", "Ann", "Bob")
    + listed("dc:subject", "Ann", "beach")
    + listed("lr:hierarchicalSubject", "People|Ann", "Places|Rome")
    + listed("digiKam:TagsList", "People/Ann", "Places/Rome", kind="Seq")
)


def of(data: bytes) -> Xmp:
    return read_xmp([data])


def test_everything_that_a_file_says_is_kept_by_where_it_stands() -> None:
    text = carried_json(of(EVERYTHING), ["Ann", "wave"])
    assert json.loads(text or "") == {
        "regions": [
            {
                "format": "mwg",
                "box": [0.4, 0.35, 0.2, 0.1],
                "name": "Ann",
                "type": "Face",
                "applied_to": [600, 400],
            }
        ],
        "people": ["Ann", "Bob"],
        "keywords": {
            "dc:subject": ["Ann", "beach"],
            "lr:hierarchicalSubject": ["People|Ann", "Places|Rome"],
            "digiKam:TagsList": ["People/Ann", "Places/Rome"],
            "iptc": ["Ann", "wave"],
        },
    }


@pytest.mark.parametrize("data", [packet(), packet(xmp__Rating="5"), b"", b"\xff"])
def test_a_file_that_carries_nothing_has_null(data: bytes) -> None:
    assert carried_json(of(data)) is None


def test_what_is_too_much_is_cut_and_says_so() -> None:
    many = carried_json({"http://purl.org/dc/elements/1.1/subject": ["x" * LONGEST] * 100_000})
    assert LARGEST / 4 < len(many or "") <= LARGEST
    assert json.loads(many or "")["cut"] is True
    long = carried_json(of(packet(mwg("x" * (LONGEST + 1)))))
    [region] = json.loads(long or "")["regions"]
    assert "name" not in region
    assert json.loads(long or "")["cut"] is True


def test_a_forgotten_person_is_in_none_of_the_lists() -> None:
    left = without_people(carried_json(of(EVERYTHING), ["Ann"]), {person_id("Ann")})
    assert json.loads(left or "") == {
        "people": ["Bob"],
        "keywords": {
            "dc:subject": ["beach"],
            "lr:hierarchicalSubject": ["Places|Rome"],
            "digiKam:TagsList": ["Places/Rome"],
        },
    }


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("Zoë", unicodedata.normalize("NFD", "Zoë")),
        ("Ann", " Ann "),
        ("Ann", "People|Ann|1999"),
        ("AC/DC", "People/AC\\DC"),
        ("AC/DC", "AC/DC"),
        ("a|b", "a|b"),
    ],
)
def test_a_name_is_found_in_every_spelling_of_it(name: str, keyword: str) -> None:
    carried = carried_json({}, [keyword, "beach"])
    assert without_people(carried, {person_id(name)}) == carried_json({}, ["beach"])
    assert without_people(carried, {person_id("Annabel")}) == carried


def test_nothing_is_left_of_what_had_the_name_alone_and_of_what_nobody_can_read() -> None:
    people = {person_id("Ann")}
    assert without_people(carried_json(of(packet(mwg("Ann")))), people) is None
    for text in ("no JSON", "[]", '{"regions":5}', "[" * 100_000):
        assert without_people(text, people) is None
    assert without_people(None, people) is None
