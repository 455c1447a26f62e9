from headcount.answers.places import MarkIds
from headcount.answers.record import FaceMark


def mark(face: str, x: float, content: str = "c", **about: object) -> FaceMark:
    return FaceMark(face_id=face, content=content, box=(x, 0.0, 10.0, 10.0), **about)  # type: ignore[arg-type]


def test_a_mark_without_an_id_is_the_face_that_another_marks_at_its_place() -> None:
    marks = [
        mark("", 1),
        mark("f1", 0),
        mark("f2", 20),
        mark("", 40),
        mark("", 41),
        mark("", 0, "d"),
    ]
    ids = MarkIds(marks)
    found = [ids.of(one) for one in marks]
    assert found[:3] == ["f1", "f1", "f2"]
    assert found[3] == found[4] != found[5], "two places of one face, and another photo"
    assert len(set(found)) == 4


def test_places_are_compared_as_the_photo_is_turned() -> None:
    turned = mark("", 80, frame=(90, 10, 3))
    assert MarkIds([turned, mark("f1", 0, frame=(90, 10, 1))]).of(turned) == "f1"
