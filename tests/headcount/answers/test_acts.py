"""Acts: answers by face, and which of two overrules the other."""

from datetime import timedelta

import pytest

from headcount.answers.acts import Act, acts_of, overruled_by, overruled_faces
from headcount.answers.record import Answer, FaceMark, What
from headcount.contract.record import now

NOW = now()


def mark(face: str, side: int | None = None, *, reference: bool = True) -> FaceMark:
    return FaceMark(face_id=face, content="c", box=(0, 0, 1, 1), side=side, reference=reference)  # type: ignore[arg-type]


def answer(what: What, *faces: FaceMark, **fields: object) -> Answer:
    return Answer(what=what, at=NOW, faces=faces, **fields)  # type: ignore[arg-type]


def test_a_name_is_of_its_references_and_confirms_the_other_faces_of_its_cluster() -> None:
    named = answer("name", mark("f1"), mark("f2", reference=False), person_id="p1")
    assert acts_of(named, ["f1", "f3"]) == (
        Act("name", frozenset({"f1"}), person="p1"),
        Act("confirm", frozenset({"f2", "f3"}), person="p1"),
    )
    assert acts_of(answer("confirm", mark("f1"), person_id="p1")) == (
        Act("confirm", frozenset({"f1"}), person="p1"),
    )


def test_a_link_is_the_same_whichever_side_was_named_first() -> None:
    for what in ("same", "apart"):
        one = acts_of(answer(what, mark("f1", 0), mark("f2", 1)))
        assert one == acts_of(answer(what, mark("f2", 0), mark("f1", 1)))
    groups = answer("same", mark("f1", 0), mark("f2", 1), clusters=("k1", "k2"))
    assert acts_of(groups) != acts_of(answer("same", mark("f1", 0), mark("f2", 1)))


def test_a_drawn_face_with_a_person_is_named_too() -> None:
    place = answer("face", mark(""), person_id="p1")
    drawn, named = acts_of(place, meant=lambda mark: "place")
    assert (drawn.what, named.what) == ("face", "name")
    assert drawn.faces == named.faces == {"place"}


def act(what: What, faces: str = "f", other: str = "", person: str | None = None) -> Act:
    return Act(what, frozenset(faces), frozenset(other), person)


@pytest.mark.parametrize(
    ("later", "earlier", "overrules"),
    [
        (act("name", person="p1"), act("name", person="p2"), True),
        (act("name", person="p1"), act("confirm", person="p1"), False),
        (act("confirm", person="p1"), act("name", person="p2"), True),
        (act("name", person="p1"), act("not", person="p1"), True),
        (act("name", person="p1"), act("not", person="p2"), False),
        (act("not", person="p1"), act("name", person="p1"), True),
        (act("not", person="p1"), act("confirm", person="p2"), False),
        (act("name", person="p1"), act("dismiss"), True),
        (act("dismiss"), act("name", person="p1"), False),
        (act("name", person="p1"), act("not_a_face"), True),
        (act("not_a_face"), act("name", person="p1"), True),
        (act("not_a_face"), act("face"), True),
        (act("face"), act("not_a_face"), True),
        (act("reference"), act("no_reference"), True),
        (act("reference"), act("reference"), False),
        (act("same", "ab"), act("apart", "a", "b"), True),
        (act("apart", "a", "b"), act("same", "ab"), True),
        (act("apart", "a", "c"), act("same", "ab"), False),
        (act("name", "g", person="p1"), act("name", "f", person="p2"), False),
    ],
)
def test_the_later_of_two_answers_on_a_face_holds(
    later: Act, earlier: Act, overrules: bool
) -> None:
    assert bool(overruled_faces(later, earlier)) is overrules


def test_a_renamed_person_is_the_same_person() -> None:
    present = {"p1": "p9"}
    later, earlier = act("name", person="p9"), act("name", person="p1")
    assert overruled_faces(later, earlier)
    assert not overruled_faces(later, earlier, lambda person: present.get(person or "", person))


def test_an_answer_may_be_overruled_for_some_of_its_faces() -> None:
    said = [
        (act("name", "abc", person="p1"),),
        (act("not", "a", person="p1"),),
        (act("name", "b", person="p2"),),
        (act("dismiss", "z"),),
    ]
    assert overruled_by(said) == [{1: frozenset("a"), 2: frozenset("b")}, {}, {}, {}]


def test_undone_answers_are_told_by_what_they_undo_and_absences_by_their_scope() -> None:
    [undo] = acts_of(answer("undo", undoes="0a"))
    [absent] = acts_of(answer("accept_absent", person_id="p1", photo="2026/"))
    assert (undo.about, absent.about) == ("0a", "2026/")
    later = answer("undo", undoes="0a").model_copy(update={"at": NOW + timedelta(days=1)})
    assert acts_of(later) == (undo,)
