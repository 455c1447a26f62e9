"""Repeats: what a file says again, and what was contradicted since."""

from datetime import UTC, datetime, timedelta

from headcount.answers.acts import acts_of
from headcount.answers.record import Answer, FaceMark, What
from orchestrator.people.repeats import Said, fresh

START = datetime(2026, 11, 1, tzinfo=UTC)


def said(what: What, one: str, other: str = "", *, day: int = 0, person: str = "p1") -> Said:
    """An answer on faces named by letters, said on a day."""
    faces = [(face, side) for side, some in enumerate((one, other)) for face in some]
    marks = tuple(FaceMark(face_id=f, content="c", box=(0, 0, 1, 1), side=s) for f, s in faces)  # type: ignore[arg-type]
    named = {"person_id": person} if what in ("name", "not", "confirm") else {}
    answer = Answer(what=what, at=START + timedelta(days=day), faces=marks, **named)
    return answer, acts_of(answer)


def unsaid(lines: list[Said], kept: list[Said]) -> list[Said]:
    """The lines, none of which tells when it was said, that are to be recorded."""
    new = fresh([(line, False) for line in lines], kept, kept)
    return [line for line, is_new in zip(lines, new, strict=True) if is_new]


def test_what_was_said_holds_until_the_contrary_is_said_of_one_of_its_faces() -> None:
    wanted, more, contrary = said("same", "ab"), said("same", "ac"), said("apart", "b", "d")
    assert unsaid([wanted], []) == [wanted]
    assert not unsaid([wanted], [wanted, more])
    assert unsaid([wanted], [wanted, contrary]) == [wanted]
    assert not unsaid([wanted], [contrary, wanted])


def test_a_name_holds_until_a_face_of_it_gets_another() -> None:
    ada, bob, no = said("name", "ab"), said("name", "b", person="p2"), said("not", "a")
    assert not unsaid([ada], [ada])
    assert unsaid([ada], [ada, bob]) == [ada]
    assert unsaid([ada], [ada, no]) == [ada]
    assert not unsaid([ada], [bob, ada])
    assert unsaid([said("name", "a")], [ada]), "another set of faces has other references"


def test_a_file_whose_lines_contradict_each_other_means_the_same_however_often_it_is_given() -> (
    None
):
    one, other, third = said("same", "ab"), said("apart", "b", "c"), said("same", "ac")
    against = said("apart", "a", "b")
    named, renamed = said("name", "a"), said("name", "a", person="p2")
    for lines in ([one, against], [one, other, third], [against, one, against], [named, renamed]):
        kept = unsaid(lines, [])
        assert not unsaid(lines, kept)
    kept = [one, against, one]
    assert unsaid([one, against], kept) == [against], "somebody has said otherwise since"
    assert unsaid([one, other], [other]) == [one, other], "the last is to stay the last"


def test_a_line_that_tells_its_time_is_a_repeat_of_what_was_said_then_also_if_undone() -> None:
    early, late = said("name", "a", day=1), said("name", "a", day=2)
    assert fresh([(early, True)], [early], []) == [False]
    assert fresh([(late, True)], [early], [early]) == [True]
    assert fresh([(early, True), (early, True)], [], []) == [True, False]


def test_a_line_without_a_time_comes_after_those_of_the_file_that_tell_theirs() -> None:
    first, second = said("name", "a", day=1), said("name", "a", person="p2", day=3)
    assert fresh([(second, False), (first, True)], [second], [second]) == [False, True]
    assert fresh([(first, False), (second, True)], [first], [first]) == [True, True]
