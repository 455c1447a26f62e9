"""Answers of people: the lines of a file checked against an archive, all before any is recorded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headcount import audit
from headcount.answers.file import raise_bad
from headcount.answers.kept import read_answers, record_answers
from headcount.answers.lines import BadLine, Line
from headcount.answers.record import WHATS, Answer, FaceMark, What
from headcount.contract.forgotten import forgotten_people, forgotten_places
from headcount.contract.record import now
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.text import counted
from orchestrator.people.contradictions import contradictions
from orchestrator.people.faces_here import FacesHere, look_up
from orchestrator.people.latest_assignments import (
    LatestAssignments,
    active_pack,
    people_of,
    read_latest,
)
from orchestrator.people.line_answers import Drafts, is_person_id
from orchestrator.people.repeats import Said, fresh
from orchestrator.people.said import Kept, said_of
from orchestrator.people.similar_names import similar_names
from orchestrator.people.stored_faces import Source
from orchestrator.people.targets import Targets

AUDITED = 100
"""Ids in one line of the audit log, at most."""
NUMBERS = 10
"""Numbers of lines in one warning, at most."""

_NEW_NAMES = frozenset({"name", "confirm", "face", "rename"})
"""Words whose person need not be known before."""


@dataclass(frozen=True, slots=True)
class Note:
    """A warning: the numbers of the lines that it is about, and the words."""

    numbers: tuple[int, ...]
    words: str

    @property
    def text(self) -> str:
        """The warning in one line."""
        return f"{numbers_text(self.numbers)}: {self.words}"


@dataclass(frozen=True, slots=True)
class Checked:
    """The answers of a file that are to be recorded, and what there is to say of its lines."""

    answers: tuple[Answer, ...]
    repeats: int
    """Lines that hold already."""
    warnings: tuple[Note, ...]
    contradictions: tuple[str, ...]

    @property
    def counts(self) -> dict[What, int]:
        """The number of answers by word, in the order of the words."""
        counts = Counter(answer.what for answer in self.answers)
        return {what: counts[what] for what in WHATS if counts[what]}


@dataclass(frozen=True, slots=True)
class Held:
    """What lines are checked against: the recorded answers, everybody's names, and the tables."""

    known: Kept
    people: Mapping[str, str]
    source: Source


def check_lines(
    store: Store,
    lines: Sequence[Line],
    s3: S3Settings,
    *,
    source: str = "",
    strict: bool = False,
    bad: Iterable[tuple[int, str]] = (),
    among: Sequence[LatestAssignments] | None = None,
    held: Held | None = None,
) -> Checked:
    """Check lines against an archive; nothing is recorded.

    ``source`` is the file in messages, empty for one line that is in none; ``bad`` are lines of it
    that could not be read; ``among`` the latest assignments, if they were read already, and
    ``held`` all that is. Raises FatalError that names each bad line; with ``strict`` also where
    there is a warning.
    """
    held = _read(store, s3, among) if held is None else held
    known, people = held.known, held.people
    here = _look_up(held.source, lines, known)
    targets = Targets(here, store.uri)
    drafted = _draft(_drafts(store, targets, people, known, lines), lines, [*bad], source)
    kept = known.said(here.meant_by)
    given = [said_of(answer, _members(answer, here), here.meant_by) for _, answer in drafted]
    new = _fresh(lines, drafted, given, kept, known)
    recorded = [(n, said) for (n, _), said, one in zip(drafted, given, new, strict=True) if one]
    written = {number for number, _ in recorded}
    repeated = {number for number, _ in drafted} - written
    warnings = (*_notes(targets.notes, repeated), *_look_alikes(lines, people))
    if strict and warnings:
        told = "\n".join(note.text for note in warnings)
        raise FatalError(f"nothing of {source} was recorded (--strict):\n{told}")
    return Checked(
        tuple(answer for _, (answer, _) in recorded),
        len(lines) - len(written),
        warnings,
        tuple(contradictions(recorded, [said for said in kept if known.holds(said[0])])),
    )


def record_checked(store: Store, checked: Checked) -> None:
    """Record answers that were checked, all in one object, with lines in the audit log."""
    by_word: defaultdict[What, list[Answer]] = defaultdict(list)
    for answer in checked.answers:
        by_word[answer.what].append(answer)
    for what, answers in by_word.items():
        _audit(store, what, answers)
    record_answers(store, checked.answers)


# -- the archive ----------------------------------------------------------------------------------


def _read(store: Store, s3: S3Settings, among: Sequence[LatestAssignments] | None) -> Held:
    """Everything that lines are checked against, read from an archive."""
    active_pack(store)
    known = Kept.of(store, read_answers(store))
    among = list(read_latest(store)) if among is None else among
    return Held(known, people_of(store, s3, among), Source(store, s3, among))


def _look_up(tables: Source, lines: Iterable[Line], known: Kept) -> FacesHere:
    """All faces, clusters and photos that lines and recorded answers speak of."""
    targets = [target for line in lines for target in line.targets]
    marks: list[FaceMark] = [mark for answer in known.answers for mark in answer.faces]
    return look_up(
        tables,
        ids={target.id for target in targets if target.id},
        spots=[target.spot for target in targets if target.spot is not None],
        keys={line.photo for line in lines if line.photo},
        marks=marks,
    )


def _drafts(
    store: Store, targets: Targets, people: Mapping[str, str], known: Kept, lines: Iterable[Line]
) -> Drafts:
    named = {
        person_id(line.person): line.person
        for line in lines
        if line.person and line.what in _NEW_NAMES and not is_person_id(line.person)
    }
    return Drafts(
        targets,
        people,
        {**named, **people},
        forgotten_people(store),
        forgotten_places(store),
        {answer.id: answer for answer in known.answers},
        known.holding,
        frozenset(known.undone),
        now(),
    )


def _draft(
    drafts: Drafts, lines: Iterable[Line], bad: list[tuple[int, str]], source: str
) -> list[tuple[int, Answer]]:
    """The answers of all lines with their numbers. Raises FatalError that names the bad ones."""
    drafted = []
    for line in lines:
        try:
            drafted += [(line.number, answer) for answer in drafts.of(line)]
        except BadLine as error:
            bad.append((line.number, str(error)))
    if bad and not source:
        raise FatalError(bad[0][1])
    raise_bad(bad, source)
    return drafted


def _members(answer: Answer, here: FacesHere) -> tuple[str, ...]:
    return here.clusters[answer.cluster].face_ids if answer.cluster else ()


def _fresh(
    lines: Iterable[Line],
    drafted: Sequence[tuple[int, Answer]],
    given: Sequence[Said],
    kept: Sequence[Said],
    known: Kept,
) -> list[bool]:
    told = {line.number for line in lines if line.said_at is not None}
    dated = [(said, number in told) for (number, _), said in zip(drafted, given, strict=True)]
    return fresh(dated, kept, [said for said in kept if known.holds(said[0])])


# -- what there is to say -------------------------------------------------------------------------


def numbers_text(numbers: Sequence[int]) -> str:
    """Numbers of lines in words: line 3; lines 3, 4 and 5 more."""
    shown = ", ".join(str(number) for number in numbers[:NUMBERS])
    more = f" and {len(numbers) - NUMBERS:,} more" if len(numbers) > NUMBERS else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}{more}"


def _notes(notes: Mapping[str, Sequence[int]], repeated: Collection[int]) -> list[Note]:
    """Notes about lines, but those that say nothing new."""
    about = {words: [n for n in lines if n not in repeated] for words, lines in notes.items()}
    return [Note(tuple(lines), words) for words, lines in about.items() if lines]


def _look_alikes(lines: Iterable[Line], people: Mapping[str, str]) -> list[Note]:
    """Warnings of new names that look like known ones, or like one another."""
    given: defaultdict[str, list[int]] = defaultdict(list)
    renamed = set()
    for line in lines:
        if line.person and line.person not in people and person_id(line.person) not in people:
            given[line.person].append(line.number)
            renamed.add((line.person, people.get(line.subject, line.subject)))
    pairs = [p for p in similar_names(given, set(people.values())) if p not in renamed]
    return [
        Note(
            tuple(given[new]),
            f"the name {new} looks like {other}: if they are one person, write it in one way",
        )
        for new, other in pairs
    ]


def _audit(store: Store, what: What, answers: Sequence[Answer]) -> None:
    """Leave lines about answers of one word, with ids alone."""
    ids = list(dict.fromkeys(one for answer in answers for one in _subjects(answer)))
    detail: dict[str, Any] = {"answers": len(answers)}
    if len(answers) == 1 and answers[0].cluster:
        detail = {"cluster": answers[0].cluster}
    for start in range(0, len(ids) or 1, AUDITED):
        audit.record(store, what, " ".join(ids[start : start + AUDITED]), **detail)


def _subjects(answer: Answer) -> list[str]:
    """The ids that the audit log has of an answer: of people, else of clusters, else of a face."""
    people = [one for one in (answer.person_id, answer.new_person_id) if one]
    others = [one for one in (answer.undoes, answer.cluster, *answer.clusters) if one]
    return people or others or [mark.face_id for mark in answer.faces[:1] if mark.face_id]


def summary_text(checked: Checked) -> str:
    """The summary of a checked file in one line: how many answers by word, and repeats."""
    counts = ", ".join(f"{number:,} {what}" for what, number in checked.counts.items())
    said = counted(len(checked.answers), "answer") + (f" ({counts})" if counts else "")
    return said + (f"; {counted(checked.repeats, 'line')} held already" if checked.repeats else "")
