"""Acts: answers by face, and which of two that contradict each other overrules the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from headcount.answers.record import Answer, FaceMark, What

Faces = frozenset[str]

_NONE: Faces = frozenset()
_NAMING = frozenset({"name", "confirm"})
_UNNAMED = frozenset({"dismiss", "not_a_face"})
_LINKS = frozenset({"same", "apart"})

_OVERRULES = {
    "name": _UNNAMED,
    "confirm": _UNNAMED,
    "not_a_face": _NAMING | {"face", "dismiss"},
    "face": frozenset({"not_a_face"}),
    "reference": frozenset({"no_reference"}),
    "no_reference": frozenset({"reference"}),
}
"""The words that a later one overrules on the same face."""
_OF_THIS_PERSON = {"name": frozenset({"not"}), "confirm": frozenset({"not"}), "not": _NAMING}
_OF_OTHERS = {"name": _NAMING, "confirm": _NAMING}
"""The words that a later one overrules where they are of its person, and where of another."""


class Act(NamedTuple):
    """An answer on faces, without who said it and when: equal acts mean the same.

    ``about`` is the photo or scope, the id of a new name, the answer that is undone, or of `same`
    whether it was said of two groups. The one face of `rename` is the person's id.
    """

    what: What
    one: Faces
    other: Faces = _NONE
    person: str | None = None
    about: str | None = None

    @property
    def faces(self) -> Faces:
        """The faces of both sides."""
        return self.one | self.other


def acts_of(
    answer: Answer, members: Iterable[str] = (), meant: Callable[[FaceMark], str] | None = None
) -> tuple[Act, ...]:
    """The acts of an answer; ``members`` are all faces of the cluster that it means, if it does.

    ``meant`` gives the text that stands for a mark's face, by default its id. A `name` is that of
    its references, and `confirm` of its other faces.
    """
    text = meant or (lambda mark: mark.face_id)
    what, person = answer.what, answer.person_id
    first = frozenset(text(mark) for mark in answer.faces if mark.side != 1)
    if what in _NAMING:
        best = frozenset(text(m) for m in answer.faces if m.reference and what == "name")
        rest = (first | frozenset(members)) - best
        named = [Act("name", best, person=person)] if best else []
        return (*named, *([Act("confirm", rest, person=person)] if rest else []))
    if what in ("same", "apart"):
        return (_link(answer, first, frozenset(text(m) for m in answer.faces if m.side == 1)),)
    if what == "face":
        named = [Act("name", first, person=person)] if person else []
        return (Act(what, first), *named)
    if what == "rename":
        return (Act(what, frozenset({person or ""}), person=person, about=answer.new_person_id),)
    about = answer.undoes if what == "undo" else answer.photo
    return (Act(what, first | frozenset(members), person=person, about=about),)


def _link(answer: Answer, one: Faces, other: Faces) -> Act:
    """The act of a link, whichever side was named first."""
    if answer.what == "same":
        return Act("same", one | other, about="groups" if answer.clusters else None)
    low, high = sorted((one, other), key=sorted)
    return Act("apart", low, high)


def overruled_faces(
    later: Act, earlier: Act, present: Callable[[str | None], str | None] = lambda person: person
) -> Faces:
    """The faces of which the later act takes away what the earlier one said.

    ``present`` gives the id that a person has now, after renames.
    """
    shared = later.faces & earlier.faces
    if not shared:
        return _NONE
    one, other = later.what, earlier.what
    if {one, other} == _LINKS:
        return _parted(later, earlier)
    if one == other == "rename":
        return shared if later.about != earlier.about else _NONE
    alike = present(later.person) == present(earlier.person)
    of_people = (_OF_THIS_PERSON if alike else _OF_OTHERS).get(one, _NONE)
    return shared if other in _OVERRULES.get(one, _NONE) | of_people else _NONE


def _parted(one: Act, other: Act) -> Faces:
    """The faces of which one act says that they are one person and the other that they are not."""
    apart, same = (one, other) if one.what == "apart" else (other, one)
    sides = apart.one & same.one, apart.other & same.one
    return sides[0] | sides[1] if sides[0] and sides[1] else _NONE


def overruled_by(
    said: Sequence[Sequence[Act]],
    present: Callable[[str | None], str | None] = lambda person: person,
) -> list[dict[int, Faces]]:
    """The later answers that overrule each one, with the faces of which they do.

    ``said`` are the acts of answers that hold, in the order in which they were said.
    """
    later: defaultdict[str, list[tuple[int, Act]]] = defaultdict(list)
    found: list[dict[int, Faces]] = []
    for number in range(len(said) - 1, -1, -1):
        over: dict[int, Faces] = {}
        for act in said[number]:
            others = {one for face in act.faces for one in later.get(face, ())}
            for place, other in sorted(others, key=lambda one: one[0]):
                if faces := overruled_faces(other, act, present):
                    over[place] = over.get(place, _NONE) | faces
        found.append(over)
        for act in said[number]:
            for face in act.faces:
                later[face].append((number, act))
    return found[::-1]
