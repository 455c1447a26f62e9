"""The names that people have now, after answers renamed them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headcount.answers.kept import holding, read_answers
from headcount.answers.record import Answer
from headcount.storage.base import Store


@dataclass(frozen=True, slots=True)
class Renames:
    """People's present ids and names, by the id of each earlier name.

    An earlier name goes on meaning the person: in a people folder, a roster, an answer. Two people
    who were given one name are one person.
    """

    _now: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Renames:
        """The renames among answers that hold, in the order in which they were said."""
        now: dict[str, tuple[str, str]] = {}
        for answer in answers:
            if answer.what == "rename" and answer.person_id and answer.new_person_id:
                person = answer.new_person_id, answer.new_person or ""
                before, _ = now.get(answer.person_id, (answer.person_id, ""))
                now = {old: person if to[0] == before else to for old, to in now.items()}
                now |= {before: person, answer.person_id: person}
                now.pop(person[0], None)
        return cls(now)

    @classmethod
    def of_archive(cls, store: Store) -> Renames:
        """The renames among the answers of an archive."""
        return cls.of(holding(read_answers(store)))

    def now(self, person_id: str, person: str | None) -> tuple[str, str | None]:
        """The id and name that the person of an id and name has now."""
        return self._now.get(person_id, (person_id, person))

    def applied(self, answer: Answer) -> Answer:
        """An answer about the person as that one is called now; a rename stays as it is."""
        if answer.what == "rename" or (answer.person_id or "") not in self._now:
            return answer
        person, name = self._now[answer.person_id or ""]
        return answer.model_copy(update={"person_id": person, "person": name})

    @classmethod
    def from_items(cls, items: Iterable[tuple[str, str, str]]) -> Renames:
        """Renames as `items` gives them."""
        return cls({earlier: (person_id, name) for earlier, person_id, name in items})

    def items(self) -> tuple[tuple[str, str, str], ...]:
        """The id of each earlier name, sorted, with the id and name that the person has now."""
        return tuple((earlier, *now) for earlier, now in sorted(self._now.items()))

    def earlier(self, person_id: str) -> frozenset[str]:
        """The ids of the earlier names of a person."""
        return frozenset(old for old, (now, _) in self._now.items() if now == person_id)
