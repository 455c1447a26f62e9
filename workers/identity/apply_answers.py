"""What people said of faces, as this run's faces: whom not to match, what to join or keep apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount import decisions
from headcount.contract.forgotten import forgotten_people
from headcount.decisions import SAME_PLACE, DecisionRecord, FaceMark, overlap
from headcount.tables.filters import any_of, parts, quoted
from headcount.tables.schemas import gallery_schema
from workers.clustering.cluster import Pairs
from workers.runtime.unit import Unit
from workers.tables.columns import Numbers, isin, truth
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.rows import fixed_lists


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions with the ids of the faces that they mean in this run, oldest first.

    ``others`` are the faces of the second side, where a decision is about two faces or clusters.
    """

    records: tuple[DecisionRecord, ...] = ()
    faces: tuple[tuple[str, ...], ...] = ()
    others: tuple[tuple[str, ...], ...] = ()

    @property
    def mentioned(self) -> set[str]:
        """All faces of this run that decisions are about."""
        return {face for faces in (*self.faces, *self.others) for face in faces}

    @property
    def rejected(self) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person it is not; a later name of that face outweighs it."""
        pairs: set[tuple[str, str]] = set()
        for record, faces in zip(self.records, self.faces, strict=True):
            for face in faces:
                if record.action == "reject":
                    pairs.add((face, record.person_id or ""))
                elif record.action == "name":
                    pairs.discard((face, record.person_id or ""))
        return frozenset(pairs)

    @property
    def renamed(self) -> frozenset[tuple[str, str]]:
        """Pairs of a face and a person whose name it bore until it was given another one."""
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
        """Pairs of positions that must and that cannot be together, K x 2 each.

        Of decisions that contradict each other the latest holds. ``photos`` has the number of the
        photo at each position: clusters that are joined still have nobody in a photo twice.
        """
        links = _Links(photos)
        apart: list[_Sides] = []
        others = self.others or ((),) * len(self.records)
        for record, *faces in reversed(list(zip(self.records, self.faces, others, strict=True))):
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
    """Whether two clusters that are kept apart are, in part, the ones of two sides."""
    one, other = sides
    return any(first & one and second & other for first, second in (apart, apart[::-1]))


class _Links:
    """Links as they are taken in; one that contradicts those before it is left out."""

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
        """Join all to the first, but those that are in a photo with one that was joined."""
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


def load_decisions(unit: Unit, faces: pa.Table) -> Decided:
    """The archive's decisions; those about other collections mean no face here."""
    records = tuple(record for _, record in decisions.read(unit.store))
    marks = {mark.face_id: mark for record in records for mark in record.faces}
    meant = find_marks(unit, faces, list(marks.values()))

    def of_side(second: bool) -> tuple[tuple[str, ...], ...]:
        sides = [[m for m in r.faces if (m.side == 1) is second] for r in records]
        return tuple(tuple(meant[m.face_id] for m in s if m.face_id in meant) for s in sides)

    return Decided(records, of_side(False), of_side(True))


def find_marks(unit: Unit, faces: pa.Table, marks: Sequence[FaceMark]) -> dict[str, str]:
    """The face of this run that each mark means, by the mark's face id.

    By id; else, for faces of another pack or profile, by place: the best overlap of boxes in
    the same content.
    """
    ids = {mark.face_id for mark in marks}
    here = set(faces["face_id"].filter(isin(faces["face_id"], ids)).to_pylist())
    meant = {face: face for face in ids & here}
    others = [mark for mark in marks if mark.face_id not in here and mark.content]
    if not others:
        return meant
    photos = _photos_by_content(unit, {mark.content for mark in others})
    wanted = pa.array(sorted(set(photos.values())), pa.string())
    by_photo: defaultdict[str, list[tuple[str, tuple[float, float, float, float]]]]
    by_photo = defaultdict(list)
    inside = faces.filter(pc.is_in(faces["photo"], wanted))
    for row in inside.select(["photo", "face_id", "x", "y", "w", "h"]).to_pylist():
        box = (row["x"], row["y"], row["w"], row["h"])
        by_photo[row["photo"]].append((row["face_id"], box))
    for mark in others:
        face = nearest_place(mark.box, by_photo.get(photos.get(mark.content, ""), ()))
        if face is not None:
            meant[mark.face_id] = face
    return meant


def nearest_place(
    box: tuple[float, float, float, float],
    faces: Iterable[tuple[str, tuple[float, float, float, float]]],
) -> str | None:
    """The face whose box shares most with ``box``, if that is enough to be the same face."""
    best, most = None, SAME_PLACE
    for face, other in faces:
        shared = overlap(box, other)
        if shared >= most:
            best, most = face, shared
    return best


def _photos_by_content(unit: Unit, contents: set[str]) -> dict[str, str]:
    """One photo of the collection for each content that is in it."""
    found: dict[str, str] = {}
    for part in parts(sorted(contents)):
        where = f"{unit.of_collection} AND {any_of('content', part)}"
        rows = unit.table(unit.pack_keys.photos).read(["photo", "content"], where=where)
        for row in rows.to_pylist():
            found[row["content"]] = min(row["photo"], found.get(row["content"], row["photo"]))
    return found


def enrol_named(unit: Unit, faces: pa.Table, embeddings: EmbeddingLookup, decided: Decided) -> None:
    """Bring the gallery up to the names that were given: faces become references as they are.

    A face that is a reference already is left alone, and one that was rejected or named otherwise
    since, or whose name another face of its photo was given since, is none of that person any more,
    so that doing it again changes nothing.
    """
    table = unit.table(unit.pack_keys.gallery)
    source = unit.spec.photos or ""
    columns = ["person_id", "photo", "etag"]
    rows = table.read(columns, where=f"source = {quoted(source)}").to_pylist()
    named = _named(decided)
    at = _first_rows(faces, {face for _, face in named} | {row["etag"] for row in rows})
    where = {face: faces["photo"][row].as_py() for face, row in at.items()}
    latest = {(record.person_id or "", where[face]): (record, face) for record, face in named}
    over = decided.rejected | decided.renamed
    have: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    for row in rows:
        key = row["person_id"], where.get(row["etag"], row["photo"])
        another = key in latest and row["etag"] in at and latest[key][1] != row["etag"]
        if another or (row["etag"], row["person_id"]) in over:
            mine = f"etag = {quoted(row['etag'])} AND person_id = {quoted(row['person_id'])}"
            unit.confirm()
            table.delete(mine)  # of copies in other collections, too
        else:
            have.add(key)
            known.add((row["person_id"], row["etag"]))
    forgotten = forgotten_people(unit.store)
    fresh = {
        key: (record, at[face])
        for key, (record, face) in latest.items()
        if key not in have and (key[0], face) not in known and key[0] not in forgotten
    }
    people = [(person, record.person or "") for (person, _), (record, _) in fresh.items()]
    append_references(
        unit, people, faces, np.array([row for _, row in fresh.values()], np.int64), embeddings
    )


def _first_rows(faces: pa.Table, wanted: set[str]) -> dict[str, int]:
    """The first row of each of a few faces."""
    rows = np.flatnonzero(truth(isin(faces["face_id"], wanted)))
    found = faces["face_id"].take(pa.array(rows)).to_pylist()
    return dict(reversed(list(zip(found, rows.tolist(), strict=True))))


def _named(decided: Decided) -> list[tuple[DecisionRecord, str]]:
    """The names that hold, with each of their faces: the latest of a face, if not taken back."""
    over = decided.rejected | decided.renamed
    return [
        (record, face)
        for record, found in zip(decided.records, decided.faces, strict=True)
        if record.action == "name"
        for face in found
        if (face, record.person_id) not in over
    ]


def append_references(
    unit: Unit,
    people: Sequence[tuple[str, str]],
    faces: pa.Table,
    rows: Numbers,
    embeddings: EmbeddingLookup,
) -> None:
    """Add these rows of ``faces`` to the gallery, of ``people``: an id and a name for each row."""
    if not people:
        return
    chosen, found = faces.take(pa.array(rows)), embeddings[rows]
    columns = {
        "person_id": [person for person, _ in people],
        "person": [name for _, name in people],
        "source": [unit.spec.photos or ""] * len(people),
        "photo": chosen["photo"],
        "etag": chosen["face_id"],
        "content": [""] * len(people),
        **{name: chosen[name] for name in ("x", "y", "w", "h", "quality")},
        "descriptor": fixed_lists(found.astype(np.float32)),
    }
    table = unit.table(unit.pack_keys.gallery)
    unit.confirm()
    table.append(pa.table(columns, schema=gallery_schema(found.shape[1])))
