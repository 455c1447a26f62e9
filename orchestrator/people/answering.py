"""Answering: lines checked and recorded one act after another, with the archive kept at hand.

A command reads the archive for its one file. Who answers a page reads it once, and then what has
changed: other people's answers, and the results of a new job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headcount.answers.kept import undone
from headcount.answers.known import KnownAnswers
from headcount.answers.lines import BadLine, Line, read_line
from headcount.answers.record import Answer
from headcount.assignments import history
from headcount.assignments.moment import faces_by_cluster
from headcount.contract.record import now
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.people.answer import Checked, Held, check_lines, record_checked
from orchestrator.people.latest_assignments import (
    LatestAssignments,
    active_pack,
    people_of,
    read_latest,
)
from orchestrator.people.line_answers import is_person_id
from orchestrator.people.said import Kept, members_of
from orchestrator.people.similar_names import similar_names
from orchestrator.people.stored_faces import Source

Reply = dict[str, Any]
_NAMING = frozenset({"name", "confirm", "face", "rename"})


@dataclass
class Answering:
    """Checks and records the lines of one act after another. For one thread."""

    store: Store
    s3: S3Settings
    _answers: KnownAnswers = field(init=False)
    _among: list[LatestAssignments] = field(default_factory=list)
    _people: dict[str, str] = field(default_factory=dict)
    _jobs: tuple[str, ...] = ()
    _members: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._answers = KnownAnswers(self.store)
        active_pack(self.store)
        self._renew()

    def apply(self, texts: Sequence[Mapping[str, str]], *, sure: bool = True) -> Reply:
        """Record the answers of lines, each a text by column, or none of them.

        Gives their ids and records, the number of repeats, and warnings. Unless ``sure``, nothing
        is recorded where a new name looks like a known one: `look_alike` has both. Raises
        FatalError that says what is wrong with a line.
        """
        self._renew()
        lines = _lines(texts)
        if not sure and (alike := self._look_alikes(lines)):
            return {"look_alike": alike}
        return self._record(lines)

    def undo(self, ids: Iterable[str]) -> Reply:
        """Take answers back. Raises FatalError where one is not there."""
        self._renew()
        wanted = list(ids)
        return self._record([Line(0, "undo", subject=" ".join(wanted))]) if wanted else _reply(None)

    def _record(self, lines: Sequence[Line]) -> Reply:
        checked = check_lines(self.store, lines, self.s3, held=self._held())
        record_checked(self.store, checked)
        self._answers.add(checked.answers)
        self._people |= _named(checked.answers)
        return _reply(checked)

    # -- what is at hand --------------------------------------------------------------------------

    def _renew(self) -> None:
        """Read what is new in the archive."""
        self._answers.look()
        keys = self._among[0].keys if self._among else None
        jobs = () if keys is None else self._latest_jobs()
        if keys is None or jobs != self._jobs or keys.pack_id != active_pack(self.store).pack_id:
            self._among = list(read_latest(self.store))
            self._jobs = self._latest_jobs()
            self._people = people_of(self.store, self.s3, self._among)
            self._members.clear()

    def _latest_jobs(self) -> tuple[str, ...]:
        """The latest job of each collection."""
        if not self._among:
            return ()
        keys = self._among[0].keys
        collections = history.collections_of(self.store, keys)
        return tuple(history.latest_job(self.store, keys, one) or "" for one in collections)

    def _held(self) -> Held:
        answers = self._answers.all()
        people = self._people | _named(answers)
        left = [one for one in answers if one.moment and one.id not in self._members]
        self._members |= self._members_here(left)
        gone = [one for one in left if one.id not in self._members]
        found = members_of(self.store, gone) if gone else []
        self._members |= {one.id: faces for one, faces in zip(gone, found, strict=True)}
        members = tuple(self._members.get(one.id, ()) for one in answers)
        known = Kept(tuple(answers), frozenset(undone(answers)), members)
        return Held(known, people, Source(self.store, self.s3, self._among))

    def _members_here(self, answers: Sequence[Answer]) -> dict[str, tuple[str, ...]]:
        """Faces of the clusters that answers on the latest results mean, by the answers' ids."""
        found: dict[str, tuple[str, ...]] = {}
        for latest in self._among:
            mine = [one for one in answers if one.job_id == latest.job_id]
            inside = faces_by_cluster(latest.assignments, {one.cluster or "" for one in mine})
            found |= {one.id: inside.get(one.cluster or "", ()) for one in mine}
        return found

    def _look_alikes(self, lines: Iterable[Line]) -> list[dict[str, str]]:
        """New names of lines beside the known ones that each looks like."""
        people = self._people | _named(self._answers.all())
        new = {
            line.person
            for line in lines
            if line.person and line.what in _NAMING and not is_person_id(line.person)
        }
        new = {name for name in new if person_id(name) not in people}
        pairs = similar_names(new, set(people.values())) if new else []
        return [{"name": name, "like": other} for name, other in pairs]


def _lines(texts: Sequence[Mapping[str, str]]) -> list[Line]:
    moment, lines = now(), []
    for number, line in enumerate(texts, 1):
        try:
            lines.append(read_line(number, line, moment))
        except BadLine as error:
            raise FatalError(str(error)) from error
    return lines


def _named(answers: Iterable[Answer]) -> dict[str, str]:
    """Names by id of the people that answers speak of."""
    found: dict[str, str] = {}
    for one in answers:
        if one.person_id and one.person:
            found[one.person_id] = one.person
        if one.new_person_id and one.new_person:
            found[one.new_person_id] = one.new_person
    return found


def _reply(checked: Checked | None) -> Reply:
    if checked is None:
        return {"answers": [], "records": [], "repeats": 0, "warnings": []}
    return {
        "answers": [answer.id for answer in checked.answers],
        "records": [answer.model_dump(mode="json") for answer in checked.answers],
        "repeats": checked.repeats,
        "warnings": [*(note.words for note in checked.warnings), *checked.contradictions],
    }
