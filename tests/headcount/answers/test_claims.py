"""The claims of answers, word by word, and that a taken back answer leaves none."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from headcount.answers.claims import Claims, Said, references_made
from headcount.answers.record import WHATS, Answer, What

AT = datetime(2026, 1, 1, tzinfo=UTC)


def said(what: What, faces: str, person: str = "", other: str = "", references: str = "") -> Said:
    """An answer on faces of one letter each."""
    answer = Answer(what=what, at=AT, recorded=AT, person_id=person or None)
    return Said(answer, list(faces), list(other), list(references))


def claims(*answers: Said) -> Claims:
    return Claims.of(answers)


def test_names_and_confirmations_name_and_only_the_former_refer() -> None:
    found = claims(said("name", "ab", "p", references="a"), said("confirm", "c", "p"))
    assert found.names == dict.fromkeys("abc", "p")
    assert list(found.references) == ["a"]


def test_a_name_tells_the_answer_that_gave_it() -> None:
    first, second = said("name", "ab", "p"), said("confirm", "b", "q")
    found = claims(
        first, second, said("not", "a", "r"), said("name", "c", "p"), said("dismiss", "d")
    )
    assert {face: found.named_by[face].person_id for face in "abc"} == {
        "a": "p",
        "b": "q",
        "c": "p",
    }
    assert claims(first, said("not", "a", "p")).named_by == {"b": first.answer}


def test_a_later_word_overrules_an_earlier_one_in_both_directions() -> None:
    name, bar = said("name", "a", "p", references="a"), said("not", "a", "p")
    none, alone = said("not_a_face", "a"), said("dismiss", "a")
    for overruling in (bar, none):
        assert claims(name, overruling).names == {}
        assert claims(name, overruling).references == {}
        assert claims(overruling, name).names == {"a": "p"}
        assert list(claims(overruling, name).references) == ["a"]
    assert claims(bar, name).barred == frozenset()
    assert claims(none, name).not_faces == frozenset()
    assert claims(none, said("confirm", "a", "p")).not_faces == frozenset()
    assert claims(alone, name).dismissed == frozenset()
    assert claims(name, alone).names == {"a": "p"}
    assert claims(name, alone).dismissed == {"a"}, "it holds once the name goes"


def test_a_face_that_was_drawn_is_one_and_named_where_it_has_a_person() -> None:
    none = said("not_a_face", "a")
    assert claims(none, said("face", "a")).not_faces == frozenset()
    found = claims(none, said("face", "a", "p", references="a"))
    assert (found.names, list(found.references)) == ({"a": "p"}, ["a"])
    assert claims(said("face", "a"), none).not_faces == {"a"}


def test_flags_of_references_follow_the_last_word() -> None:
    name, no = said("name", "a", "p", references="a"), said("no_reference", "a")
    yes, again = said("reference", "a"), said("name", "a", "p")
    assert list(claims(name, no).references) == []
    assert claims(name, no).unreferenced == {"a"}
    assert list(claims(name, no, yes).references) == ["a"]
    assert list(claims(name, no, again).references) == [], "no best face of that naming"
    assert list(claims(name, no, name).references) == ["a"]
    assert list(claims(said("confirm", "a", "p"), yes).references) == ["a"]
    assert list(claims(yes).references) == [], "nobody has named it"
    bar = said("not", "a", "p")
    assert list(claims(name, bar, said("confirm", "a", "p")).references) == []
    assert list(claims(name, bar, again).references) == [], "as the same answers in a file"


def test_the_reference_that_was_named_last_comes_last() -> None:
    one, other = said("name", "a", "p", references="a"), said("name", "b", "p", references="b")
    assert list(claims(one, other).references) == ["a", "b"]
    assert list(claims(one, other, one).references) == ["b", "a"]


def test_whom_a_face_was_named_before_is_told_of_names_and_confirmations() -> None:
    found = claims(said("name", "a", "p"), said("confirm", "a", "q"))
    assert found.renamed == {("a", "p")}
    assert claims(said("name", "a", "p"), said("name", "a", "p")).renamed == frozenset()


def test_every_reference_that_an_answer_made_is_known_whether_it_holds_or_not() -> None:
    made = references_made(
        [
            said("name", "ab", "p", references="a"),
            said("not", "a", "p"),
            said("confirm", "c", "q"),
            said("reference", "cd"),
        ]
    )
    assert made == {("a", "p"), ("c", "q")}


def _random_answers(chance: random.Random) -> Sequence[Said]:
    words: tuple[What, ...] = ("name", *WHATS)
    return [
        said(
            chance.choice(words),
            faces := "".join(chance.sample("abcd", chance.randint(1, 3))),
            chance.choice("pq"),
            "".join(set("abcd") - set(faces))[:1],
            faces[:1],
        )
        for _ in range(chance.randint(1, 9))
    ]


def test_names_bars_and_flags_never_contradict_each_other() -> None:
    for seed in range(2000):
        answers = _random_answers(random.Random(seed))  # noqa: S311 (no secret)
        found = claims(*answers)
        pairs = set(found.names.items())
        assert pairs.isdisjoint(found.barred)
        assert pairs.isdisjoint(found.renamed)
        assert found.not_faces.isdisjoint(found.names)
        assert set(found.references) <= set(found.names)
        assert found.unreferenced.isdisjoint(found.references)
        made = references_made(answers)
        assert {(face, found.names[face]) for face in found.references} <= made
