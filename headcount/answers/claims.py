"""The claims of answers: who each face is said to be, who it is not, what is no face. Pure.

Answers come in the order in which they were said; the later holds. Faces and people are ids, so
that both programs go by the same rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headcount.answers.record import Answer


@dataclass(frozen=True, slots=True)
class Said:
    """One answer, and the ids of the faces that it means.

    ``others`` are those of the second side of `apart` and `same`. ``references`` are those faces
    of a name that become references.
    """

    answer: Answer
    faces: Sequence[str]
    others: Sequence[str] = ()
    references: Sequence[str] = ()

    @property
    def names(self) -> bool:
        """Whether the answer gives its faces a name."""
        what = self.answer.what
        return what in ("name", "confirm") or (what == "face" and bool(self.answer.person_id))

    @property
    def drops_flags(self) -> bool:
        """Whether a face that was taken from the person comes back without being a reference.

        A name of an earlier build brings it back as it was.
        """
        return self.answer.what == "confirm" or self.answer.recorded is not None

    @property
    def one_of_photo(self) -> bool:
        """Whether an earlier build recorded it, for one face of a photo: the last name holds."""
        answer = self.answer
        return answer.what == "name" and answer.job_id is None and answer.recorded is None


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that hold.

    ``names`` is the person of each named face, ``named_by`` the answer that gave the name.
    ``barred`` are pairs of a face and a person that it is not, ``renamed`` pairs of a face and a
    person whose name it had before its last one. ``references`` are the named faces that are
    references, each with the answer that gave the name; the one that was named last comes last.
    ``unreferenced`` are faces that were said to be none.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    named_by: Mapping[str, Answer] = field(default_factory=dict)
    barred: frozenset[tuple[str, str]] = frozenset()
    renamed: frozenset[tuple[str, str]] = frozenset()
    references: Mapping[str, Answer] = field(default_factory=dict)
    unreferenced: frozenset[str] = frozenset()
    not_faces: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, said: Sequence[Said], photo_of: Mapping[str, str] | None = None) -> Claims:
        """The claims of answers that hold, in order; ``photo_of`` has the photo of each face.

        Without photos, names of earlier builds that contradict each other within one all hold.
        """
        ledger = _Ledger(said, photo_of or {})
        for one in said:
            ledger.add(one)
        return ledger.claims()


def references_made(said: Sequence[Said]) -> frozenset[tuple[str, str]]:
    """Pairs of a face and a person of whom an answer made a reference, whether it holds or not."""
    people: defaultdict[str, set[str]] = defaultdict(set)
    pairs: set[tuple[str, str]] = set()
    for one in said:
        person = one.answer.person_id or ""
        if one.names:
            for face in one.faces:
                people[face].add(person)
            if one.answer.what != "confirm":
                pairs.update((face, person) for face in one.references)
    for one in said:
        if one.answer.what == "reference":
            pairs.update((face, person) for face in one.faces for person in people[face])
    return frozenset(pairs)


class _Ledger:
    """Claims as they stand after each answer."""

    def __init__(self, said: Iterable[Said], photo_of: Mapping[str, str]) -> None:
        self._photo_of = photo_of
        self._marked = {face for one in said if one.names for face in one.references}
        self._names: dict[str, str] = {}
        self._named_by: dict[str, Answer] = {}
        self._had: defaultdict[str, set[str]] = defaultdict(set)
        self._last: dict[str, str] = {}
        self._alone: dict[tuple[str, str], str] = {}
        self._barred: set[tuple[str, str]] = set()
        self._flags: dict[str, dict[str, tuple[int, Answer]]] = {}
        self._flagged = 0
        self._unreferenced: set[str] = set()
        self._not_faces: set[str] = set()
        self._dismissed: set[str] = set()

    def add(self, said: Said) -> None:
        """Add the next answer."""
        what, faces = said.answer.what, said.faces
        if said.names:
            self._name(said)
        elif what == "not":
            self._bar(faces, said.answer.person_id or "")
        elif what == "apart":
            self._part(faces, said.others)
        elif what == "not_a_face":
            self._not_faces.update(faces)
            for face in faces:
                self._names.pop(face, None)
                self._flags.pop(face, None)
        elif what == "face":
            self._not_faces.difference_update(faces)
        elif what == "dismiss":
            self._dismissed.update(faces)
        elif what == "reference":
            self._refer(faces)
        elif what == "no_reference":
            self._unreferenced.update(faces)
            for face in faces:
                self._flags.pop(face, None)

    def claims(self) -> Claims:
        """The claims that hold now."""
        flags = [
            (*self._flags[face][person], face)
            for face, person in self._names.items()
            if person in self._flags.get(face, ())
        ]
        return Claims(
            names=self._names,
            named_by={face: self._named_by[face] for face in self._names},
            barred=frozenset(self._barred),
            renamed=frozenset(
                (face, person)
                for face, people in self._had.items()
                for person in people - {self._last[face], ""}
            ),
            references={face: a for _, a, face in sorted(flags, key=lambda flag: flag[0])},
            unreferenced=frozenset(self._unreferenced),
            not_faces=frozenset(self._not_faces),
            dismissed=frozenset(self._dismissed),
        )

    def _name(self, said: Said) -> None:
        person, references = said.answer.person_id or "", set(said.references)
        for face in said.faces:
            if said.one_of_photo:
                self._leave_alone(face, person)
            if said.drops_flags and self._names.get(face) != person:
                self._flags.get(face, {}).pop(person, None)
            self._had[face].add(person)
            self._last[face] = self._names[face] = person
            self._named_by[face] = said.answer
            self._barred.discard((face, person))
            self._not_faces.discard(face)
            self._dismissed.discard(face)
            if said.answer.what != "confirm" and face in references:
                self._flag(face, person)

    def _leave_alone(self, face: str, person: str) -> None:
        """Take the name from the face of the same photo that an earlier answer gave it."""
        photo = self._photo_of.get(face)
        if photo is None:
            return
        before = self._alone.get((person, photo), face)
        if before != face and self._names.get(before) == person:
            del self._names[before]
        self._alone[person, photo] = face

    def _flag(self, face: str, person: str) -> None:
        self._flagged += 1
        self._flags.setdefault(face, {})[person] = self._flagged, self._named_by[face]
        self._unreferenced.discard(face)

    def _refer(self, faces: Iterable[str]) -> None:
        """Make references of those of the faces that somebody named."""
        for face in faces:
            person = self._names.get(face)
            if person is not None:
                self._flag(face, person)
                self._marked.add(face)

    def _bar(self, faces: Iterable[str], person: str) -> None:
        for face in faces:
            self._barred.add((face, person))
            if self._names.get(face) == person:
                del self._names[face]

    def _part(self, one: Sequence[str], other: Sequence[str]) -> None:
        """Take the name from faces that are apart from others of that name.

        The side with references keeps it, else the one with more of that person's faces.
        References are not asked: they are what the name was given for.
        """
        first, second = self._weights(one), self._weights(other)
        for side, mine, theirs in ((one, first, second), (other, second, first)):
            for face in side:
                person = self._names.get(face)
                if person is None or person not in theirs or face in self._marked:
                    continue
                if mine[person] <= theirs[person]:
                    del self._names[face]

    def _weights(self, side: Iterable[str]) -> dict[str, tuple[bool, int]]:
        """Whether a reference of each person is on a side, and how many faces of that person."""
        mine = [face for face in side if face in self._names]
        counts = Counter(self._names[face] for face in mine)
        held = {self._names[face] for face in mine if face in self._marked}
        return {person: (person in held, count) for person, count in counts.items()}
