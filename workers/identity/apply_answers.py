"""People's answers as the faces of a run: names, rejections, links, and all else they say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, product

import numpy as np
import pyarrow as pa

from headcount.answers.claims import Claims, Said
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from workers.clustering.cluster import Pairs
from workers.tables.columns import Numbers, isin


@dataclass(frozen=True)
class Answers:
    """People's answers, oldest first, with the ids of the faces that each means in this run.

    People in ``records`` are those that they are now, after ``renames``; ``as_said`` has the id and
    name that was said, by the id of an answer. ``others`` are the faces of the second side, where
    an answer is about two faces or clusters. ``references`` are those faces of a name that become
    references; without them, all do. ``anywhere`` are the same answers with all their faces, also
    those that are not in this run. ``made`` are pairs of a face and a person of whom some answer,
    taken back or not, made a reference, and ``people`` all whom such answers name.
    """

    records: tuple[Answer, ...] = ()
    faces: tuple[tuple[str, ...], ...] = ()
    others: tuple[tuple[str, ...], ...] = ()
    references: tuple[tuple[str, ...], ...] = ()
    anywhere: tuple[Said, ...] = ()
    made: frozenset[tuple[str, str]] = frozenset()
    people: frozenset[str] = frozenset()
    renames: Renames = field(default_factory=Renames)
    as_said: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def said(self) -> tuple[Said, ...]:
        """The answers with their faces of this run."""
        chosen = self.references or self.faces
        return tuple(map(Said, self.records, self.faces, self.sides, chosen))

    @cached_property
    def claims(self) -> Claims:
        """The claims that hold, but for names of earlier builds that others of a photo overrule."""
        return Claims.of(self.said)

    @property
    def mentioned(self) -> set[str]:
        """All faces of this run that answers are about."""
        return {face for faces in (*self.faces, *self.others) for face in faces}

    @property
    def rejected(self) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person it is not, unless it was given that name later."""
        return self.claims.barred

    @property
    def named(self) -> set[str]:
        """The faces that somebody named, whoever that is."""
        return {face for one in self.said if one.names for face in one.faces}

    @property
    def accepted(self) -> frozenset[tuple[str, str]]:
        """Pairs of a person and a photo or scope: the person's absence from it is fine."""
        return frozenset(
            (record.person_id or "", record.photo or "")
            for record in self.records
            if record.what == "accept_absent"
        )

    def person_said(self, record: Answer) -> tuple[str, str]:
        """The id and name that an answer was given with, whatever the person is called now."""
        person, name = self.as_said.get(record.id, (record.person_id or "", record.person))
        return person, name or ""

    def against(self, faces: pa.Table) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person that it cannot be: rejected, renamed, or kept apart from.

        The latter are people whose faces, among the ``faces`` of a run, it was said to differ from.
        """
        apart: defaultdict[str, set[str]] = defaultdict(set)
        for record, *sides in zip(self.records, self.faces, self.sides, strict=True):
            if record.what == "apart":
                for one, other in (sides, sides[::-1]):
                    for face in one:
                        apart[face].update(other)
        wanted = {other for others in apart.values() for other in others}
        found = faces.select(["face_id", "person_id"]).filter(isin(faces["face_id"], wanted))
        person = dict(zip(*(found[name].to_pylist() for name in found.column_names), strict=True))
        pairs = {(f, p) for f, others in apart.items() for o in others if (p := person.get(o))}
        return self.rejected | self.renamed | pairs

    @property
    def sides(self) -> tuple[tuple[str, ...], ...]:
        """The faces of the second side of each answer."""
        return self.others or ((),) * len(self.records)

    @property
    def renamed(self) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person whose name it had before its present one."""
        return self.claims.renamed

    def links(
        self, positions: Mapping[str, int], photos: Sequence[int] | Numbers = ()
    ) -> tuple[Pairs, Pairs]:
        """Must-links and cannot-links: pairs of positions of faces, K x 2 each.

        The latest of answers that contradict each other holds. ``photos`` has the number of the
        photo at each position: clusters that are joined still have nobody in a photo twice.
        """
        links = _Links(photos)
        apart: list[_Sides] = []
        sides_of = zip(self.records, self.faces, self.sides, strict=True)
        for record, *faces in reversed(list(sides_of)):
            one, other = (sorted({positions[f] for f in some if f in positions}) for some in faces)
            sides = set(one), set(other)
            if record.what == "same" and record.clusters:
                if not any(_divide(later, sides) for later in apart):
                    links.join_clusters([*one, *other])
            elif record.what == "same":
                for first, second in pairwise([*one, *other]):
                    links.join(first, second)
            elif record.what == "apart":
                apart += [sides] if record.clusters else []
                for first, second in product(one, other):
                    links.part(first, second)
        return _pairs(links.joined), _pairs(links.parted)


_Sides = tuple[set[int], set[int]]
"""Faces of two clusters."""


def _divide(apart: _Sides, sides: _Sides) -> bool:
    """Whether a cannot-link of clusters separates faces of the two sides."""
    one, other = sides
    return any(first & one and second & other for first, second in (apart, apart[::-1]))


class _Links:
    """Links in the order in which they are added; one that contradicts earlier ones is left out."""

    def __init__(self, photos: Sequence[int] | Numbers = ()) -> None:
        self.joined: list[tuple[int, int]] = []
        self.parted: list[tuple[int, int]] = []
        self._photo = photos
        self._parent: dict[int, int] = {}
        self._apart: defaultdict[int, set[int]] = defaultdict(set)
        self._photos: dict[int, set[int]] = {}

    def _root(self, face: int) -> int:
        while (parent := self._parent.get(face, face)) != face:
            self._parent[face] = self._parent.get(parent, parent)
            face = parent
        return face

    def _photos_of(self, root: int) -> set[int]:
        if root not in self._photos:
            self._photos[root] = {int(self._photo[root])} if len(self._photo) else set()
        return self._photos[root]

    def join_clusters(self, faces: Sequence[int]) -> None:
        """Join faces to the first, except where that would put two faces of a photo together."""
        for face in faces[1:]:
            roots = self._root(faces[0]), self._root(face)
            if roots[0] != roots[1] and self._photos_of(roots[0]).isdisjoint(
                self._photos_of(roots[1])
            ):
                self.join(faces[0], face)

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        if high in self._apart[low]:
            return
        self.joined.append((one, other))
        if low == high:
            return
        self._parent[high] = low
        self._photos_of(low).update(self._photos_of(high))
        for enemy in self._apart.pop(high, ()):
            self._apart[enemy].discard(high)
            self._apart[enemy].add(low)
            self._apart[low].add(enemy)

    def part(self, one: int, other: int) -> None:
        roots = self._root(one), self._root(other)
        if roots[0] != roots[1]:
            self.parted.append((one, other))
            self._apart[roots[0]].add(roots[1])
            self._apart[roots[1]].add(roots[0])


def _pairs(pairs: Iterable[tuple[int, int]]) -> Pairs:
    return np.array(list(pairs), np.int64).reshape(-1, 2)
