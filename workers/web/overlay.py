"""What people said since the latest results, laid over them: the arrays as the page shows them.

It is made anew from the results and all answers at each change, so that taking an answer back
leaves no trace. A rematch says the same and more: it matches other faces by the new names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headcount.answers.claims import Claims
from headcount.answers.claims import Said as SaidOf
from headcount.answers.kept import holding
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from workers.tables.columns import NONE, Numbers
from workers.web.loaded import IGNORED, MATCHED, UNKNOWN, Codes, Said, joined

_NOWHERE = np.zeros(0, np.int64)

Members = Callable[[Answer], Sequence[str]]
"""Gives the ids of all faces of the cluster that an answer means."""


@dataclass(frozen=True)
class Overlay:
    """The faces as they are now: arrays of N as in Said, and the people and clusters they number.

    ``dismissed`` tells faces of strangers that are to be left alone, ``not_faces`` those that are
    none. ``barred`` are pairs of a face's id and a person that it is not, ``references`` the ids of
    faces that answers made references, ``unreferenced`` those that are none any more. ``accepted``
    are pairs of a person and a photo or scope. ``drawn`` are pairs of a person and a photo in which
    somebody drew the person's face, and that no job has read since.
    """

    person: Codes
    people: tuple[tuple[str, str], ...]
    decision: NDArray[np.uint8]
    cluster: Codes
    clusters: tuple[str, ...]
    """Ids of clusters beyond those of the results."""
    dismissed: NDArray[np.bool_]
    not_faces: NDArray[np.bool_]
    barred: frozenset[tuple[str, str]]
    references: frozenset[str]
    unreferenced: frozenset[str]
    accepted: frozenset[tuple[str, str]]
    drawn: frozenset[tuple[str, str]]
    renames: Renames
    parted: Mapping[int, frozenset[int]]
    """Clusters that were said to be somebody else than another, by their numbers."""
    pending: int
    moved: bool
    """Whether faces are in other clusters than the results say."""

    @property
    def unnamed(self) -> NDArray[np.bool_]:
        """The faces (N) that nobody named, matched, dismissed or found too poor."""
        nobody = (self.person == NONE) & (self.decision == UNKNOWN)
        return np.asarray(nobody & ~self.dismissed, bool)


@dataclass(frozen=True)
class Settled:
    """Ids and claims of the answers that held when the results were made."""

    held: frozenset[str]
    claims: Claims = field(default_factory=Claims)


def said_of(answer: Answer, members: Members) -> SaidOf:
    """An answer with the ids of all faces that it means, known by their ids."""
    faces = [m.face_id for m in answer.faces if m.face_id and m.side != 1]
    if answer.cluster is not None:
        faces = list(dict.fromkeys([*faces, *members(answer)]))
    others = [mark.face_id for mark in answer.faces if mark.face_id and mark.side == 1]
    chosen = [m.face_id for m in answer.faces if m.face_id and m.reference and m.side != 1]
    return SaidOf(answer, faces, others, chosen)


def settle(answers: Sequence[Answer], taken: frozenset[str], members: Members) -> Settled:
    """The claims of answers as they held when the results were made, which took in ``taken``."""
    then = holding([answer for answer in answers if answer.id in taken])
    renames = Renames.of(then)
    ids = frozenset(answer.id for answer in then)
    return Settled(ids, Claims.of([said_of(renames.applied(one), members) for one in then]))


def lay(said: Said, answers: Sequence[Answer], settled: Settled, members: Members) -> Overlay:
    """Lay answers, all of an archive in order, over what a job said."""
    held = holding(answers)
    fresh = [answer for answer in held if answer.id not in settled.held]
    taken_back = settled.held - {answer.id for answer in held}
    late = bool(fresh) and any(a.id in settled.held and a.at > fresh[0].at for a in held)
    drawing = _Drawing(said, Renames.of(held))
    if taken_back or late:
        drawing.clear(settled.claims)
        chosen = held
    else:
        drawing.dismiss(settled.claims)
        chosen = fresh
    renames = Renames.of(held)
    claims = Claims.of([said_of(renames.applied(answer), members) for answer in chosen])
    drawing.apply(claims)
    for answer in fresh:
        if answer.what in ("same", "apart"):
            drawing.link(said_of(answer, members))
    return drawing.overlay(claims, settled.claims, held, len(fresh) + len(taken_back))


def _rows(rows_of: Mapping[str, Numbers], faces: Iterable[str]) -> Numbers:
    return joined(rows_of[face] for face in faces if face in rows_of)


class _Drawing:
    """Arrays while answers are laid over them."""

    def __init__(self, said: Said, renames: Renames) -> None:
        self._said, self._renames = said, renames
        self._people: dict[str, int] = {}
        self._names: list[tuple[str, str]] = []
        to = np.array([self._code(*person) for person in said.people] or [NONE], np.int32)
        self._person = np.where(said.person == NONE, NONE, to[said.person]).astype(np.int32)
        self._decision = said.decision.copy()
        self._cluster, self._moved = said.cluster, False
        self._dismissed = np.zeros(len(said), bool)
        self._not_faces = np.zeros(len(said), bool)
        self._clusters: list[str] = []
        self._parted: dict[int, frozenset[int]] = {}

    def _code(self, person_id: str, name: str | None) -> int:
        now, called = self._renames.now(person_id, name)
        if now not in self._people:
            self._people[now] = len(self._names)
            self._names.append((now, called or ""))
        return self._people[now]

    def dismiss(self, claims: Claims) -> None:
        """Tell what the results themselves say, and the arrays do not."""
        self._dismissed[self._said.rows_of(list(claims.dismissed))] = True
        self._not_faces[self._said.rows_of(list(claims.not_faces))] = True

    def clear(self, claims: Claims) -> None:
        """Take away what answers said in the results; those that hold are laid over it anew."""
        rows = self._said.rows_of([*claims.names, *claims.not_faces])
        self._person[rows] = NONE
        self._decision[rows] = UNKNOWN

    def apply(self, claims: Claims) -> None:
        """Lay claims over the arrays."""
        barred = {face for face, _ in claims.barred}
        flagged = claims.dismissed | claims.not_faces
        rows_of = self._said.rows_by_id({*claims.names, *barred, *flagged})
        for face, person in claims.barred:
            self._bar(rows_of.get(face, _NOWHERE), person)
        self._dismissed[_rows(rows_of, claims.dismissed)] = True
        rows = _rows(rows_of, claims.not_faces)
        self._not_faces[rows] = True
        self._person[rows], self._decision[rows] = NONE, IGNORED
        by_person: dict[str, list[str]] = {}
        for face, person in claims.names.items():
            by_person.setdefault(person, []).append(face)
        for person, named in by_person.items():
            rows = _rows(rows_of, named)
            self._person[rows], self._decision[rows] = self._code(person, None), MATCHED
            self._dismissed[rows] = self._not_faces[rows] = False

    def _bar(self, rows: Numbers, person: str) -> None:
        code = self._people.get(self._renames.now(person, None)[0], NONE)
        rows = rows[(self._person[rows] == code) & (code != NONE)]
        self._person[rows], self._decision[rows] = NONE, UNKNOWN

    def link(self, said: SaidOf) -> None:
        """Join the clusters of faces that are one person, or part those that are not."""
        if not self._moved:
            self._cluster, self._moved = self._said.cluster.copy(), True
        one, other = self._said.rows_of(said.faces), self._said.rows_of(said.others)
        if said.answer.what == "same":
            self._join(np.concatenate([one, other]), whole=bool(said.answer.clusters))
        else:
            self._part(said.answer.id, one, other)

    def _join(self, rows: Numbers, *, whole: bool) -> None:
        codes = np.unique(self._cluster[rows])
        codes = codes[codes != NONE]
        if not len(codes):
            return
        sizes = np.bincount(self._cluster[self._cluster != NONE], minlength=codes.max() + 1)
        largest = codes[np.argmax(sizes[codes])]
        if whole:
            self._cluster[np.isin(self._cluster, codes)] = largest
        self._cluster[rows] = largest

    def _part(self, answer_id: str, one: Numbers, other: Numbers) -> None:
        """Put the smaller side into a cluster of its own, where both sides are in one."""
        sides = [np.unique(self._cluster[rows]).tolist() for rows in (one, other)]
        for mine, theirs in (sides, sides[::-1]):
            for code in mine:
                self._parted[code] = self._parted.get(code, frozenset()) | {*theirs} - {code}
        shared = np.intersect1d(self._cluster[one], self._cluster[other])
        if not len(shared[shared != NONE]):
            return
        less = one if len(one) < len(other) else other
        less = less[np.isin(self._cluster[less], shared)]
        self._cluster[less] = len(self._said.clusters) + len(self._clusters)
        self._clusters.append(f"x{answer_id}")

    def overlay(
        self, claims: Claims, settled: Claims, held: Iterable[Answer], pending: int
    ) -> Overlay:
        """The arrays as an overlay."""
        named = claims.names
        barred = {p for p in settled.barred if named.get(p[0]) != p[1]} | claims.barred
        references = {f for f in settled.references if f not in claims.unreferenced}
        held = list(held)
        return Overlay(
            self._person,
            self._with_names(held),
            self._decision,
            self._cluster,
            tuple(self._clusters),
            self._dismissed,
            self._not_faces,
            frozenset(barred),
            frozenset(references | claims.references.keys()),
            claims.unreferenced | (settled.unreferenced - claims.references.keys()),
            frozenset((a.person_id or "", a.photo or "") for a in _of(held, "accept_absent")),
            frozenset((a.person_id or "", a.photo or "") for a in _of(held, "face")),
            self._renames,
            self._parted,
            pending,
            self._moved,
        )

    def _with_names(self, held: Sequence[Answer]) -> tuple[tuple[str, str], ...]:
        """People with the names that answers gave them; the results' names are theirs already."""
        said: Mapping[str, str] = {
            one.person_id: one.person for one in held if one.person_id and one.person
        }
        return tuple(
            (person, name or self._renames.now(person, said.get(person))[1] or person)
            for person, name in self._names
        )


def _of(held: Iterable[Answer], what: str) -> Iterable[Answer]:
    return (answer for answer in held if answer.what == what)
