"""The places drawn by hand that hold, what they add to a photo, and which rows lack it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from headcount.answers.drawn import FoundFace, HandDrawn, box_fault
from headcount.answers.record import Answer, FaceMark, What
from headcount.contract.frames import UNKNOWN, Frame, moved_box
from headcount.contract.record import now
from headcount.contract.vocabulary import BY_HAND, drawn_face_id

FRAME = Frame(900, 600, 1)
BOX = (100.0, 50.0, 80.0, 90.0)
FAR = (500.0, 50.0, 80.0, 90.0)
START = now()


def at(number: int) -> datetime:
    return START + timedelta(seconds=number)


def answer(
    number: int,
    what: What,
    box: tuple[float, float, float, float] = BOX,
    frame: Frame = FRAME,
    **about: Any,
) -> Answer:
    marks = () if what == "undo" else (FaceMark(face_id="", content="c", box=box, frame=frame),)
    return Answer(what=what, at=at(number), faces=marks, **about)


def boxes(*answers: Answer, found: tuple[tuple[float, float, float, float], ...] = ()) -> list[Any]:
    return [face.box for face in HandDrawn.of(answers).to_add("c", FRAME, found)]


def test_of_two_boxes_at_one_place_the_later_holds_and_others_stand_beside_it() -> None:
    shifted = (110.0, 50.0, 80.0, 90.0)
    assert boxes(answer(0, "face"), answer(1, "face", FAR), answer(2, "face", shifted)) == [
        FAR,
        shifted,
    ]
    assert HandDrawn.of([answer(0, "face")]).to_add("another", FRAME, []) == []


def test_what_is_no_face_is_not_added_until_it_is_named_or_drawn_again() -> None:
    drawn, no = answer(0, "face"), answer(1, "not_a_face")
    assert boxes(drawn, no) == []
    assert boxes(drawn, answer(1, "not_a_face", FAR)) == [BOX]
    for what in ("name", "confirm", "face"):
        assert boxes(drawn, no, answer(2, what)) == [BOX]  # type: ignore[arg-type]
    assert boxes(drawn, no, answer(2, "dismiss")) == []
    undo = answer(2, "undo", undoes=no.id)
    assert boxes(drawn, no, undo) == [BOX]
    assert boxes(drawn, answer(3, "undo", undoes=drawn.id)) == []
    assert HandDrawn.of([drawn, answer(3, "undo", undoes=drawn.id)]).contents == {"c"}


def test_a_face_that_was_found_there_and_a_forgotten_one_are_not_added() -> None:
    drawn = HandDrawn.of([answer(0, "face")])
    assert drawn.to_add("c", FRAME, [(105, 55, 80, 90)]) == []
    assert drawn.to_add("c", FRAME, [(180, 55, 80, 90)])
    assert drawn.to_add("c", FRAME, [], [(105, 55, 80, 90)]) == []
    found_but_forgotten, nearly = (130.0, 50.0, 80.0, 90.0), (140.0, 50.0, 80.0, 90.0)
    assert boxes(answer(0, "face", nearly), found=(found_but_forgotten,)) == []
    again = HandDrawn.of([answer(0, "face", (60, 50, 80, 90))])
    assert again.to_add("c", FRAME, [(75, 50, 80, 90)], [(100, 50, 80, 90)]), (
        "a face at a forgotten place is dropped, and hides nothing that was drawn"
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_is_where_it_was_drawn_however_the_photo_is_turned(orientation: int) -> None:
    drawn_in = FRAME.turned(orientation)
    box = moved_box(BOX, FRAME, drawn_in)
    [face] = HandDrawn.of([answer(0, "face", box, drawn_in)]).to_add("c", FRAME, [])
    assert face.box == pytest.approx(BOX)
    assert face.stored == (100, 50, 80, 90)
    unknown = Frame(0, 0, orientation)  # drawn before the archive knew the photo
    [same] = HandDrawn.of([answer(0, "face", box, unknown)]).to_add("c", FRAME, [])
    assert (same.box, same.stored) == (pytest.approx(BOX), face.stored)
    [turned] = HandDrawn.of([answer(0, "face")]).to_add("c", drawn_in, [])
    assert turned.stored == face.stored, "the id stays when a reading turns the photo"


def test_rows_are_right_when_they_have_just_what_was_drawn_and_not_found() -> None:
    drawn = HandDrawn.of([answer(0, "face")])
    face = drawn_face_id("c", "p", (100, 50, 80, 90))
    row = FoundFace(face, BOX, BY_HAND)
    found = FoundFace("f1", (101, 51, 80, 90), "640")

    def right(hand: HandDrawn, *rows: FoundFace) -> bool:
        return hand.are_in(rows, "c", FRAME, "p")

    assert right(drawn, row)
    assert right(drawn, found)
    assert not right(drawn)
    assert not right(drawn, row, found)
    assert not right(drawn, replace(row, face_id="f" + "0" * 23))
    assert not right(HandDrawn.of([]), row)
    assert right(HandDrawn.of([answer(0, "face", (880, 50, 80, 90))])), "nothing can be done"
    assert HandDrawn.of([answer(0, "face", (880, 50, 80, 90))]).outside("c", FRAME) == 1


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((-2, 0, 50, 50), "is not inside the photo, which has 900 x 600 pixels under orientation"),
        ((860, 0, 50, 50), "is not inside"),
        ((0, 560, 50, 50), "is not inside"),
        ((0, 0, 7, 50), "is 7 x 50 pixels: draw a face at least 8 pixels wide and high"),
        ((0, 0, float("nan"), 50), "a number that is none"),
        ((0, 0, float("inf"), 50), "a number that is none"),
        ((0, 0, 50, -50), "at least 8 pixels"),
    ],
)
def test_a_box_that_cannot_be_a_faces_is_told_why(
    box: tuple[float, float, float, float], said: str
) -> None:
    assert said in (box_fault(box, FRAME) or "")


def test_a_good_box_has_no_fault() -> None:
    assert box_fault(BOX, FRAME) is None
    assert box_fault((-1, -1, 902, 602), FRAME) is None, "programs round"
    assert box_fault((5000, 0, 50, 50), UNKNOWN) is None, "nobody knows yet"
    assert "7 x 7" in (box_fault((0, 0, 7, 7), UNKNOWN) or "")
