"""People's answers applied to the faces of a run: rejections, links, and names as references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pyarrow as pa

from headcount import decisions
from headcount.contract.forgotten import forgotten_people
from headcount.decisions import DecisionRecord
from headcount.tables.filters import quoted
from headcount.tables.schemas import gallery_schema
from workers.clustering.cluster import Pairs
from workers.identity.find_marks import find_marks
from workers.tables.columns import Numbers, as_bool, isin
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables
from workers.tables.photos import readings_of
from workers.tables.rows import fixed_lists


@dataclass(frozen=True, slots=True)
class Answers:
    """People's answers, oldest first, with the ids of the faces that each means in this run.

    ``others`` are the faces of the second side, where an answer is about two faces or clusters.
    """

    records: tuple[DecisionRecord, ...] = ()
    faces: tuple[tuple[str, ...], ...] = ()
    others: tuple[tuple[str, ...], ...] = ()

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
                if record.action == "reject":
                    pairs.add((face, record.person_id or ""))
                elif record.action == "name":
                    pairs.discard((face, record.person_id or ""))
        return frozenset(pairs)

    @property
    def named(self) -> set[str]:
        """The faces that somebody named, whoever that is."""
        return {
            face
            for record, faces in zip(self.records, self.faces, strict=True)
            if record.action == "name"
            for face in faces
        }

    def against(self, faces: pa.Table) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person that it cannot be: rejected, renamed, or kept apart from.

        The latter are people whose faces, among the ``faces`` of a run, it was said to differ from.
        """
        apart: defaultdict[str, set[str]] = defaultdict(set)
        for record, *sides in zip(self.records, self.faces, self._others, strict=True):
            if record.action == "different":
                for one, other in (sides, sides[::-1]):
                    for face in one:
                        apart[face].update(other)
        wanted = {other for others in apart.values() for other in others}
        found = faces.select(["face_id", "person_id"]).filter(isin(faces["face_id"], wanted))
        person = dict(zip(*(found[name].to_pylist() for name in found.column_names), strict=True))
        pairs = {(f, p) for f, others in apart.items() for o in others if (p := person.get(o))}
        return self.rejected | self.renamed | pairs

    @property
    def _others(self) -> tuple[tuple[str, ...], ...]:
        return self.others or ((),) * len(self.records)

    @property
    def renamed(self) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person whose name it had before its present one."""
        pairs: set[tuple[str, str]] = set()
        latest: dict[str, str] = {}
        for record, faces in zip(self.records, self.faces, strict=True):
            if record.action == "name":
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
        sides_of = zip(self.records, self.faces, self._others, strict=True)
        for record, *faces in reversed(list(sides_of)):
            one, other = (sorted({positions[f] for f in some if f in positions}) for some in faces)
            sides = set(one), set(other)
            if record.action == "same" and record.clusters:
                if not any(_divide(later, sides) for later in apart):
                    links.join_clusters([*one, *other])
            elif record.action == "same":
                for first, second in pairwise([*one, *other]):
                    links.join(first, second)
            elif record.action == "different":
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
    records = tuple(record for _, record in decisions.read(tables.store))
    marks = {mark.face_id: mark for record in records for mark in record.faces}
    meant = find_marks(tables, faces, list(marks.values()))

    def of_side(second: bool) -> tuple[tuple[str, ...], ...]:
        sides = [[m for m in r.faces if (m.side == 1) is second] for r in records]
        return tuple(tuple(meant[m.face_id] for m in s if m.face_id in meant) for s in sides)

    return Answers(records, of_side(False), of_side(True))


def enrol_named(
    tables: PackTables,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    answers: Answers,
    *,
    confirm: Callable[[], None],
) -> None:
    """Bring the gallery up to people's answers: named faces become references.

    A reference is removed where its face was rejected or named otherwise since, or another face of
    its photo was given its name since. Doing it again changes nothing. ``confirm`` raises where
    nothing may be written any more.
    """
    table = tables.gallery
    columns = ["person_id", "photo", "etag"]
    held = table.read(columns, where=f"source = {quoted(tables.source)}").to_pylist()
    named = named_faces(answers)
    at = _first_rows(faces, {face for _, face in named} | {row["etag"] for row in held})
    photo_of = {face: faces["photo"][row].as_py() for face, row in at.items()}
    latest = {(record.person_id or "", photo_of[face]): (record, face) for record, face in named}
    over = answers.rejected | answers.renamed
    have: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    for row in held:
        key = row["person_id"], photo_of.get(row["etag"], row["photo"])
        another = key in latest and row["etag"] in at and latest[key][1] != row["etag"]
        if another or (row["etag"], row["person_id"]) in over:
            mine = f"etag = {quoted(row['etag'])} AND person_id = {quoted(row['person_id'])}"
            confirm()
            table.delete(mine)  # of copies in other collections, too
        else:
            have.add(key)
            known.add((row["person_id"], row["etag"]))
    forgotten = forgotten_people(tables.store)
    fresh = {
        key: (record, at[face])
        for key, (record, face) in latest.items()
        if key not in have and (key[0], face) not in known and key[0] not in forgotten
    }
    people = [(person, record.person or "") for (person, _), (record, _) in fresh.items()]
    rows = np.array([row for _, row in fresh.values()], np.int64)
    append_references(tables, people, faces, rows, embeddings, confirm=confirm)


def _first_rows(faces: pa.Table, wanted: set[str]) -> dict[str, int]:
    """The first row of each of the ``wanted`` faces."""
    rows = np.flatnonzero(as_bool(isin(faces["face_id"], wanted)))
    found = faces["face_id"].take(pa.array(rows)).to_pylist()
    return dict(reversed(list(zip(found, rows.tolist(), strict=True))))


def named_faces(answers: Answers) -> list[tuple[DecisionRecord, str]]:
    """Answers that name a face and hold, with that face: the latest of each, if not taken back."""
    over = answers.rejected | answers.renamed
    return [
        (record, face)
        for record, found in zip(answers.records, answers.faces, strict=True)
        if record.action == "name"
        for face in found
        if (face, record.person_id) not in over
    ]


def append_references(
    tables: PackTables,
    people: Sequence[tuple[str, str]],
    faces: pa.Table,
    rows: Numbers,
    embeddings: EmbeddingLookup,
    *,
    confirm: Callable[[], None],
) -> None:
    """Add these rows of ``faces`` to the gallery; ``people`` has the id and name for each row."""
    if not people:
        return
    chosen, found = faces.take(pa.array(rows)), embeddings[rows]
    columns = {
        "person_id": [person for person, _ in people],
        "person": [name for _, name in people],
        "source": [tables.source] * len(people),
        "photo": chosen["photo"],
        "etag": chosen["face_id"],
        "content": [""] * len(people),
        **{name: chosen[name] for name in ("x", "y", "w", "h", "quality")},
        "descriptor": fixed_lists(found.astype(np.float32)),
        "reading": readings_of(tables, chosen["photo"]),
    }
    confirm()
    tables.gallery.append(pa.table(columns, schema=gallery_schema(found.shape[1])))
