"""Asked: the questions about one job's results, as all answers left them.

The order is that of workers/identity/suggest.py. Answers become steps in the order in which they
were said. Where one is taken back, or one comes in late, the steps after it are taken back too, and
taken again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from workers.faces.evidence import weaknesses
from workers.identity.asked_groups import RunFaces, best_of_each, group_numbers
from workers.identity.suggest import Suggestions
from workers.matching.match import match
from workers.people.gallery import Gallery, without_people
from workers.tables.columns import NONE, Numbers
from workers.tables.embeddings import Embeddings
from workers.web.index import Results, Shown, not_named_any_more
from workers.web.loaded import UNKNOWN, Codes
from workers.web.overlay import Overlay, lay, said_of

COMPARED = 16
"""Faces of a cluster that are compared with everybody: the best of them."""

Act = tuple[Answer, ...]


@dataclass
class Asked:
    """Questions, and the steps that answers since the results made of them.

    ``base`` has the ids of the answers that the results took in and that still held as this was
    built. ``people`` are ids by position: those of the gallery, then others that were named.
    """

    results: Results
    base: frozenset[str]
    suggestions: Suggestions
    people: list[str]
    renames: Renames
    _steps: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Results, held: Sequence[Answer]) -> Asked:
        """Build the questions of results whose embeddings are loaded; reads nothing."""
        base = base_of(results, held)
        settled = [answer for answer in held if answer.id in base]
        overlay = lay(results.said, settled, results.settled, results.members)
        earlier = {old for one in _gone(results, overlay) for old in overlay.renames.earlier(one)}
        gallery = without_people(results.gallery, earlier | _gone(results, overlay))
        people = list(gallery.person_ids)
        known = _positions(people, overlay.renames)
        codes = [known.get(person, [NONE])[0] for person, _ in overlay.people]
        person = _through(overlay.person, codes)
        barred = _barred(results, overlay, known)
        faces = _run_faces(results, overlay, person)
        _compare(faces, results, gallery)
        suggestions = Suggestions(faces, gallery, results.record, rejected=barred)
        asked = cls(results, base, suggestions, people, overlay.renames)
        asked._name_others(overlay)
        for answer in settled:
            if answer.what == "apart":
                asked._link(answer)
        return asked

    def _name_others(self, overlay: Overlay) -> None:
        """Name the faces of people who have no references."""
        known = _positions(self.people, overlay.renames)
        for code, (person, _) in enumerate(overlay.people):
            if person not in known:
                rows = np.flatnonzero(overlay.person == code)
                self.suggestions.named(rows, self.position(person))

    # -- answers ----------------------------------------------------------------------------------

    def follow(self, held: Sequence[Answer], renames: Renames) -> None:
        """Take the steps of all answers that hold, in their order."""
        self.renames = renames
        acts = {ids_of(act): act for act in acts_of(held, self.base)}
        before, now = list(self._steps), list(acts)
        same = 0
        while same < min(len(before), len(now)) and before[same] == now[same]:
            same += 1
        for ids in reversed(before[same:]):
            for step in reversed(self._steps.pop(ids)):
                self.suggestions.undo(step)
        for ids in now[same:]:
            self._steps[ids] = list(self._taken(acts[ids]))

    def _taken(self, act: Act) -> Iterator[int]:
        """Take the steps of an act: names and rejections that follow each other are one."""
        for judged, group in groupby(act, lambda one: one.what in ("name", "confirm", "not")):
            if judged:
                yield self._judged(list(group))
            else:
                yield from (step for one in group if (step := self._other(one)) is not None)

    def _judged(self, answers: list[Answer]) -> int:
        right: list[tuple[Numbers, int]] = []
        wrong: list[tuple[Numbers, int]] = []
        for answer in answers:
            rows, _ = self._rows(answer)
            person = self.renames.now(answer.person_id or "", answer.person)[0]
            if answer.what == "not":
                positions = _positions(self.people, self.renames).get(person, [])
                wrong += [(rows, position) for position in positions]
            elif len(rows):
                right.append((rows, self.position(person)))
        return self.suggestions.taken(right, wrong)

    def _other(self, answer: Answer) -> int | None:
        if answer.what in ("same", "apart"):
            return self._link(answer)
        if answer.what in ("dismiss", "not_a_face"):
            return self.suggestions.left(self._rows(answer)[0])
        return None

    def _link(self, answer: Answer) -> int:
        step = self.suggestions.joined if answer.what == "same" else self.suggestions.parted
        return step(*self._rows(answer))

    def _rows(self, answer: Answer) -> tuple[Numbers, Numbers]:
        """The faces of an answer, and of its other side."""
        said = said_of(answer, self.results.members)
        return self.results.said.rows_of(said.faces), self.results.said.rows_of(said.others)

    def position(self, person: str) -> int:
        """The position of a person, who is added where there is none."""
        known = _positions(self.people, self.renames).get(person)
        if known:
            return known[0]
        self.people.append(person)
        return self.suggestions.add_person()

    def person_at(self, position: int) -> str:
        """The id that the person at a position has now."""
        return self.renames.now(self.people[position], None)[0]

    # -- groups -----------------------------------------------------------------------------------

    def group_of(self, rows: Numbers) -> int:
        """The group that most of some faces are in, NONE where none of them is asked about."""
        groups = np.array([self.suggestions.group_of(int(row)) for row in rows], np.int64)
        groups = groups[groups != NONE]
        return int(np.bincount(groups).argmax()) if len(groups) else NONE


def _gone(results: Results, overlay: Overlay) -> frozenset[str]:
    return not_named_any_more(results, Shown(results.said, overlay))


def base_of(results: Results, held: Sequence[Answer]) -> frozenset[str]:
    """Ids of the answers that results took in, and that hold."""
    return results.settled.held & {answer.id for answer in held}


def acts_of(held: Sequence[Answer], base: frozenset[str]) -> list[Act]:
    """Answers that are not in the results, those that were recorded together in one act."""
    fresh = (answer for answer in held if answer.id not in base)
    return [tuple(act) for _, act in groupby(fresh, lambda one: one.recorded or one.id)]


def ids_of(act: Act) -> tuple[str, ...]:
    """The ids of an act's answers."""
    return tuple(answer.id for answer in act)


def _positions(people: Sequence[str], renames: Renames) -> dict[str, list[int]]:
    """Positions of people by the ids that they have now: two people may have become one."""
    found: dict[str, list[int]] = {}
    for position, person in enumerate(people):
        found.setdefault(renames.now(person, None)[0], []).append(position)
    return found


def _through(codes: Codes, positions: list[int]) -> Numbers:
    """Positions of N people by their codes."""
    to = np.array([*positions, NONE], np.int64)  # NONE is the last
    return to[codes]


def _barred(
    results: Results, overlay: Overlay, known: dict[str, list[int]]
) -> list[tuple[int, int]]:
    rows = results.said.rows_by_id({face for face, _ in overlay.barred})
    return [
        (int(row), position)
        for face, person in overlay.barred
        for row in rows.get(face, ())
        for position in known.get(person, ())
    ]


def _run_faces(results: Results, overlay: Overlay, person: Numbers) -> RunFaces:
    """The faces of results as arrays; the best of each cluster are compared with everybody."""
    places, count = results.places, len(results.said)
    parts = {name: getattr(places, name) for name in ("quality", "sharpness", "outside")}
    stored = _stored(results)
    open_to = (overlay.decision == UNKNOWN) & (overlay.person == NONE)
    nothing = np.full(count, np.nan, np.float32)
    return RunFaces(
        embeddings=Embeddings.as_stored(stored),
        weaknesses=weaknesses(parts, results.record.cosine_per_decade),
        quality=places.quality,
        photos=results.said.photo.astype(np.int64),
        clusters=overlay.cluster.astype(np.int64),
        person=person,
        askable=(open_to | (person != NONE)) & ~overlay.dismissed & ~overlay.not_faces,
        nearest=np.full(count, NONE, np.int32),
        evidence=nothing,
        runner_up=np.full(count, NONE, np.int32),
        runner_up_evidence=nothing.copy(),
    )


def _stored(results: Results) -> NDArray[np.float16]:
    if results.embeddings is None:
        raise RuntimeError("the embeddings are not loaded")
    return results.embeddings


def _compare(faces: RunFaces, results: Results, gallery: Gallery) -> None:
    """Fill in whom the best faces of each cluster are most like."""
    groups, _ = group_numbers(faces)
    rows = np.sort(best_of_each(groups, faces.quality, np.flatnonzero(groups != NONE), COMPARED))
    if not len(rows) or not len(gallery):
        return
    found = match(Embeddings(_stored(results), rows), gallery, faces.weaknesses[rows])
    faces.nearest[rows], faces.evidence[rows] = found.person, found.evidence
    faces.runner_up[rows] = found.runner_up
    faces.runner_up_evidence[rows] = found.runner_up_evidence
