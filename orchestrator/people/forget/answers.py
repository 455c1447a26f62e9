"""Answers about a forgotten person, and marks of forgotten faces, taken out of an archive."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from headcount.answers.forgotten_marks import Places, is_forgotten
from headcount.answers.kept import holding, read_answers, read_objects, replace_object
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from headcount.contract.forgotten import ForgottenRecord, OtherName
from headcount.contract.vocabulary import person_id
from headcount.storage import Store


@dataclass(frozen=True, slots=True)
class _Gone:
    """The forgotten person's ids, the ids of the faces, and places in contents."""

    people: Collection[str]
    faces: Collection[str]
    places: Places

    @classmethod
    def of(cls, stone: ForgottenRecord) -> _Gone:
        people = {one.person_id for one in stone.by_each_name()}
        places: dict[str, list[Any]] = {}
        for place in stone.places:
            places.setdefault(place.content, []).append(place)
        return cls(people, set(stone.faces), places)

    def left_of(self, answer: Answer) -> Answer | None:
        """An answer without forgotten faces; None where it is about the person or about nothing."""
        if {answer.person_id, answer.new_person_id} & set(self.people):
            return None
        said_by = {"by": None} if answer.by and person_id(answer.by) in self.people else {}
        left = tuple(
            mark
            for mark in answer.faces
            if mark.face_id not in self.faces and not is_forgotten(mark, self.places)
        )
        if len(left) < len(answer.faces) and not (left or answer.cluster):
            return None
        if left == answer.faces and not said_by:
            return answer
        return answer.model_copy(update={"faces": left, **said_by})


def forget_answers(store: Store, stone: ForgottenRecord) -> int:
    """Delete answers about the person, and undos of them; take forgotten faces out of the others.

    Gives the number of answers that were changed or deleted.
    """
    gone, objects = _Gone.of(stone), list(read_objects(store))
    left = [tuple(map(gone.left_of, answers)) for _, answers in objects]
    kept = _with_what_they_undo([one for some in left for one in some if one is not None])
    changed = 0
    for (key, answers), some in zip(objects, left, strict=True):
        wanted = tuple(one for one in some if one is not None and one.id in kept)
        if wanted != answers:
            replace_object(store, key, wanted)
            changed += len(answers) - len(set(map(_text, answers)) & set(map(_text, wanted)))
    return changed


def _text(answer: Answer) -> str:
    return answer.model_dump_json()


def _with_what_they_undo(answers: Sequence[Answer]) -> set[str]:
    """Ids of answers without the undos of answers that are not among them, and undos of those."""
    kept = {one.id: one.undoes for one in answers}
    while gone := {one for one, undoes in kept.items() if undoes and undoes not in kept}:
        kept = {one: undoes for one, undoes in kept.items() if one not in gone}
    return set(kept)


def other_names(store: Store, person: str) -> tuple[OtherName, ...]:
    """The other names of a person who was renamed, earlier and later ones."""
    answers = read_answers(store)
    renames = Renames.of(holding(answers))
    now, _ = renames.now(person, None)
    names: dict[str, str | None] = {}
    for one in answers:
        for known, name in ((one.person_id, one.person), (one.new_person_id, one.new_person)):
            if known:
                names[known] = name or names.get(known)
    ids = sorted(({now} | renames.earlier(now)) - {person})
    return tuple(OtherName(person_id=one, person=names.get(one)) for one in ids)
