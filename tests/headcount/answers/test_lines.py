"""A line of a file of answers: every word with what it needs, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from headcount.answers.lines import BadLine, Line, Spot, Target, read_line
from headcount.answers.record import WHATS

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
SHA, OTHER = "a" * 64, "b" * 64


def line(what: str, ids: str = "", person: str = "", **texts: str) -> Line:
    return read_line(7, {"what": what, "ids": ids, "person": person, **texts}, NOW)


def refused(what: str, ids: str = "", person: str = "", **texts: str) -> str:
    with pytest.raises(BadLine) as caught:
        line(what, ids, person, **texts)
    return str(caught.value)


def test_every_word_is_a_line_with_what_it_needs_and_no_more() -> None:
    box = {"photo_sha256": SHA, "box": "1 2 3 4"}
    good = {
        "name": line("name", "k1 f2", "Ada"),
        "confirm": line("confirm", "f1", "Ada"),
        "not": line("not", "f1", "Ada"),
        "same": line("same", "f1 f2 f3"),
        "apart": line("apart", "k1 f2"),
        "dismiss": line("dismiss", "k1"),
        "not_a_face": line("not_a_face", **box),
        "reference": line("reference", "f1"),
        "no_reference": line("no_reference", "f1"),
        "rename": line("rename", "Ada Byron", "Ada Lovelace"),
        "accept_absent": line("accept_absent", person="Ada", photo="2026/*"),
        "face": line("face", photo="a.jpg", box="1 2 3 4"),
        "undo": line("undo", "0a1b"),
    }
    assert set(good) == set(WHATS)
    assert good["name"].targets == (Target("k1"), Target("f2"))
    assert good["rename"].subject == "Ada Byron", "a name is one text, whatever blanks it has"
    assert good["not_a_face"].targets == (Target("", Spot(SHA, "", (1, 2, 3, 4))),)
    assert good["face"].targets == (Target("", Spot("", "a.jpg", (1, 2, 3, 4))),)
    assert [len(side) for side in good["apart"].sides] == [1, 1]
    assert [len(side) for side in good["same"].sides] == [3]


@pytest.mark.parametrize(
    ("what", "ids", "person", "fault"),
    [
        ("", "f1", "Ada", "what is missing"),
        ("Name", "f1", "Ada", "Name is no answer: write one of name, confirm"),
        ("name", "f1", "", "name needs a person"),
        ("name", "", "Ada", "name needs ids of faces or clusters, or a photo_sha256 and box"),
        ("dismiss", "k1", "Ada", "dismiss takes no person"),
        ("same", "f1", "", "same needs two faces or clusters"),
        ("same", "f1 f1", "", "f1 is given twice"),
        ("apart", "f1 f2 f3", "", "apart on more than two faces or clusters needs ` | `"),
        ("apart", "f1 | | f3", "", "one ` | ` may stand"),
        ("apart", "| f3", "", "an id must stand on either side"),
        ("name", "f1 | f3", "Ada", "one ` | ` may stand"),
        ("rename", "", "Ada", "rename needs ids: the person's id or present name"),
        ("undo", "", "", "undo needs ids: the id of an answer"),
        ("accept_absent", "", "Ada", "accept_absent needs a photo"),
        ("face", "", "", "face needs one box"),
        ("name", "- f1", "Ada", "the id - stands for a face that has none"),
    ],
)
def test_what_says_nothing_is_refused_in_words(
    what: str, ids: str, person: str, fault: str
) -> None:
    assert fault in refused(what, ids, person)


def test_two_sides_stand_on_either_side_of_a_bar() -> None:
    assert line("apart", "f1 f2 | f3").sides == (
        (Target("f1"), Target("f2")),
        (Target("f3"),),
    )


def test_several_faces_have_as_many_boxes_and_one_turn_or_as_many() -> None:
    boxes = "1 2 3 4 5 6 7 8"
    several = line(
        "confirm", "f1 f2", "Ada", photo_sha256=f"{SHA} {OTHER.upper()}", box=boxes, orientation="6"
    )
    assert [target.spot for target in several.targets] == [
        Spot(SHA, "", (1, 2, 3, 4), 6),
        Spot(OTHER, "", (5, 6, 7, 8), 6),
    ]
    of_one = line("not_a_face", photo_sha256=SHA, box=boxes, orientation="1 8")
    assert [t.spot and t.spot.orientation for t in of_one.targets] == [1, 8]
    in_one = line("not_a_face", photo="a b.jpg", box=boxes)
    assert [t.spot and t.spot.photo for t in in_one.targets] == ["a b.jpg"] * 2
    one_without = line("same", "- f2", photo_sha256=f"{SHA} {OTHER}", box=boxes)
    assert [target.id for target in one_without.targets] == ["", "f2"]


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ({"photo_sha256": SHA}, "a photo_sha256 needs a box"),
        ({"box": "1 2 3 4"}, "a box needs a photo_sha256 or a photo"),
        ({"box": "1 2 3", "photo": "a"}, "a box is four numbers"),
        ({"box": "1,5 2 3 4", "photo": "a"}, "box: 1,5 is no number such as 12.5"),
        ({"box": "1 2 nan 4", "photo": "a"}, "box: nan is no number"),
        ({"box": "1 2 1e999 4", "photo": "a"}, "a box has a width and a height above 0"),
        ({"box": "1 2 0 4", "photo": "a"}, "a box has a width and a height above 0"),
        ({"box": "1 2 3 4", "photo_sha256": "abc"}, "photo_sha256 abc is not 64 hexadecimal"),
        ({"box": "1 2 3 4", "photo_sha256": f"{SHA} {SHA}"}, "need as many photo_sha256"),
        ({"box": "1 2 3 4", "photo": "a", "orientation": "9"}, "orientation 9 is not 1 to 8"),
        ({"box": "1 2 3 4", "photo": "a", "orientation": "1 2"}, "one orientation, or as many"),
        ({"ids": "f1 f2", "box": "1 2 3 4", "photo": "a"}, "2 ids need as many boxes"),
        ({"ids": "f1", "photo": "a" * 5000}, "a photo or scope has at most 4,096"),
    ],
)
def test_a_place_that_is_none_is_refused(texts: dict[str, str], fault: str) -> None:
    assert fault in refused("dismiss", **texts)


def test_a_time_is_utc_without_an_offset_and_never_in_the_future() -> None:
    def said(text: str) -> datetime | None:
        return line("dismiss", "k1", said_at=text).said_at

    assert said("") is None
    assert said("2026-11-28T09:00:00") == said("2026-11-28T10:00:00+01:00")
    assert said("2026-11-27") == datetime(2026, 11, 27, tzinfo=UTC)
    assert said((NOW + timedelta(hours=23)).isoformat()), "clocks are wrong by hours"
    assert "is in the future" in refused("dismiss", "k1", said_at="2026-11-30T10:00:00Z")
    assert "is no time" in refused("dismiss", "k1", said_at="yesterday")
    assert "is no time" in refused("dismiss", "k1", said_at="0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize(
    "name", ["=cmd|'/c calc'!A1", "<script>alert(1)</script>", "\u202eevE", "Ada, L.", "-1", "'=x"]
)
def test_names_that_are_code_elsewhere_are_carried_whole(name: str) -> None:
    assert line("name", "f1", name).person == name
    assert line("rename", name, "Ada").subject == name


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\0b", "a\u2028b", "x" * 10_000])
def test_names_that_no_person_can_have_are_refused(name: str) -> None:
    assert "a name has" in refused("name", "f1", name)
    assert "said_by: a name has" in refused("dismiss", "f1", said_by=name)


def test_a_name_is_kept_composed_and_without_blanks_around() -> None:
    assert line("name", "f1", "  Jose\u0301 ").person == "Jos\u00e9"
