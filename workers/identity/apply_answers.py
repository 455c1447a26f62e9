"""People's answers as the faces of a run: names, rejections and links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from operator import add

import numpy as np
import pyarrow as pa

from headcount.answers.kept import holding, read_answers
from headcount.answers.record import Answer, FaceMark
from workers.clustering.cluster import Pairs
from workers.identity.find_marks import faces_of_clusters, find_marks
from workers.tables.columns import Numbers, isin
from workers.tables.pack_tables import PackTables


@dataclass(frozen=True, slots=True)
class Answers:
    """People's answers, oldest first, with the ids of the faces that each means in this run.

    ``others`` are the faces of the second side, where an answer is about two faces or clusters.
    ``references`` are those faces of a name that become references; without them, all do.
    """

    records: tuple[Answer, ...] = ()
    faces: tuple[tuple[str, ...], ...] = ()
    others: tuple[tuple[str, ...], ...] = ()
    references: tuple[tuple[str, ...], ...] = ()

    @property
    def mentioned(self) -> set[str]:
        """All faces of this run that answers are about."""
        return {face for faces in (*self.faces, *self.others) for face in faces}

    @property
    def rejected(self) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person it is not, unless it was given that name later."""
        pairs: set[tuple[str, str]] = set()
        for record, faces in zip(self.records, self.faces, strict=True):
            for face in faces:
                if record.what == "not":
                    pairs.add((face, record.person_id or ""))
                elif record.what == "name":
                    pairs.discard((face, record.person_id or ""))
        return frozenset(pairs)

    @property
    def named(self) -> set[str]:
        """The faces that somebody named, whoever that is."""
        return {
            face
            for record, faces in zip(self.records, self.faces, strict=True)
            if record.what == "name"
            for face in faces
        }

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
        pairs: set[tuple[str, str]] = set()
        latest: dict[str, str] = {}
        for record, faces in zip(self.records, self.faces, strict=True):
            if record.what == "name":
                for face in faces:
                    pairs.add((face, latest.get(face, "")))
                    latest[face] = record.person_id or ""
        return frozenset(pair for pair in pairs if pair[1] not in ("", latest[pair[0]]))

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


def load_answers(tables: PackTables, faces: pa.Table) -> Answers:
    """The archive's answers; those about other collections mean no face here."""
    records = tuple(holding(read_answers(tables.store)))
    marks = {mark.face_id: mark for record in records for mark in record.faces}
    meant = find_marks(tables, faces, list(marks.values()))
    more = faces_of_clusters(tables, faces, records)

    def of_marks(chosen: Callable[[FaceMark], bool]) -> tuple[tuple[str, ...], ...]:
        sides = [[m for m in r.faces if chosen(m)] for r in records]
        return tuple(tuple(meant[m.face_id] for m in s if m.face_id in meant) for s in sides)

    first = of_marks(lambda mark: mark.side != 1)
    return Answers(
        records,
        tuple(tuple(dict.fromkeys(both)) for both in map(add, first, more)),
        of_marks(lambda mark: mark.side == 1),
        of_marks(lambda mark: mark.reference and mark.side != 1),
    )
