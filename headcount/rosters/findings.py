"""What a job found, made ready for looking up: whom a face speaks for, in a photo or in a scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.vocabulary import PROCESSED, Decision
from headcount.rosters.scopes import Scope

_FACE_COLUMNS = (
    *("photo", "face_id", "decision", "person_id", "similarity", "quality"),
    "nearest_person_id",
)
FLUSHED = 1 << 22
"""Pairs of scope and face that are held at once."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best row of each key, and how many rows the key has."""

    keys: pa.Array
    rows: pa.Array
    counts: pa.Array

    @classmethod
    def of(cls, keys: pa.Array, rows: pa.Array, counts: pa.Array | None = None) -> Best:
        """The best rows, which are the least, of rows by key."""
        counts = pa.repeat(1, len(keys)) if counts is None else counts
        table = pa.table({"key": keys, "row": rows, "count": counts})
        found = table.group_by("key").aggregate([("row", "min"), ("count", "sum")])
        one = found.combine_chunks()
        return cls(*(one_array(one[name]) for name in ("key", "row_min", "count_sum")))

    def look_up(self, keys: pa.Array) -> pa.Array:
        """The best row of each of the keys; null where there is none."""
        return self.rows.take(pc.index_in(keys, value_set=self.keys))

    def count(self, keys: pa.Array) -> pa.Array:
        """The number of rows of each of the keys."""
        return pc.fill_null(self.counts.take(pc.index_in(keys, value_set=self.keys)), 0)


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one kind, the best first; ``person`` is a number, 0 where nobody is meant.

    ``by_photo`` are the rows in the order of photos, and ``photos`` the photos in that order;
    ``in_photos`` is the best face for each photo and person, by `pair_keys`.
    """

    table: pa.Table
    people: int
    by_photo: pa.Array
    photos: pa.Array
    in_photos: Best

    @classmethod
    def of(cls, table: pa.Table, people: int) -> Faces:
        """The faces of a table whose rows are the best first, with ``photo_number``."""
        table = table.combine_chunks()
        by_photo = pc.sort_indices(table["photo_number"]).cast(pa.int64())
        keys = one_array(pair_keys(table["photo_number"], table["person"], people))
        in_photos = Best.of(keys, pa.arange(0, table.num_rows))
        return cls(table, people, by_photo, one_array(table["photo"].take(by_photo)), in_photos)

    def in_scopes(self, scopes: Iterable[Scope]) -> Best:
        """The best face for each scope, by its number, and person."""
        best = Best.of(*[pa.array([], pa.int64())] * 3)
        keys: list[pa.Array] = []
        rows: list[pa.Array] = []
        held = 0
        for number, scope in enumerate(scopes):
            found = self.by_photo.take(scope.pattern.select(self.photos))
            if not len(found):
                continue
            rows.append(found)
            scope_number = pa.repeat(pa.scalar(number, pa.int64()), len(found))
            keys.append(
                one_array(pair_keys(scope_number, self.table["person"].take(found), self.people))
            )
            held += len(found)
            if held > FLUSHED:
                best = _merged(best, keys, rows)
                keys, rows, held = [], [], 0
        return _merged(best, keys, rows)


@dataclass(frozen=True, slots=True)
class Numbering:
    """The photos in the order of keys, and the ids of people: each is known by its place there."""

    photos: pa.Array
    ids: pa.Array

    @property
    def people(self) -> int:
        """The number of people, at least 1."""
        return max(len(self.ids), 1)

    def of_photos(self, photos: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The numbers of photos; null of those that are not there."""
        return one_array(pc.index_in(photos, value_set=self.photos).cast(pa.int64()))

    def of_people(self, ids: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The numbers of people by their ids; null of who is not enrolled."""
        return one_array(pc.index_in(ids, value_set=self.ids).cast(pa.int64()))


@dataclass(frozen=True, slots=True)
class Findings:
    """What a job found: its photos, and its faces by whom they speak for.

    ``failed`` are the photos that could not be processed, and ``partial`` those of which a part was
    not seen: rows that the file lacks, faces above the limit. ``met`` are faces that were given a
    name, ``near`` unclaimed faces with somebody they may be, ``poor`` unclaimed faces that are too
    poor to judge; ``enrolled`` people's ids and names.
    """

    photos: pa.Table
    failed: pa.Array
    partial: pa.Array
    numbering: Numbering
    met: Faces
    near: Faces
    poor: Faces
    enrolled: Mapping[str, str]


def find(
    photos: pa.Table, faces: pa.Table, candidates: pa.Table, enrolled: Mapping[str, str]
) -> Findings:
    """What was found, from the tables of a job.

    ``photos``: photo, outcome, reason. ``faces``: photo, face_id, decision, person_id, similarity,
    quality, and nearest_person_id where it is known. ``candidates``: photo, face_id, person_id,
    similarity, and ``lacking``, how far below what this pair would need, or ``threshold``, what it
    would need. ``enrolled``: names by id.
    """
    known = [name for name in _FACE_COLUMNS if name in faces.column_names]
    faces = faces.select(known)
    photos = photos.select(["photo", "outcome", "reason"]).sort_by("photo").combine_chunks()
    processed = pc.is_in(photos["outcome"], pa.array(sorted(PROCESSED)))
    failed = photos.filter(pc.invert(processed))
    partial = photos.filter(pc.and_(processed, pc.is_valid(photos["reason"])))
    numbering = Numbering(one_array(photos["photo"]), pa.array(enrolled, pa.string()))
    claimed = pc.and_(
        pc.is_in(faces["decision"], pa.array([Decision.MATCHED, Decision.INFERRED])),
        pc.is_valid(faces["person_id"]),
    )
    free = faces.filter(pc.invert(claimed))
    return Findings(
        photos,
        one_array(failed["photo"]),
        one_array(partial["photo"]),
        numbering,
        _met(faces.filter(claimed), numbering),
        _near(free, candidates, numbering),
        _poor(free.filter(pc.equal(free["decision"], Decision.IGNORED)), numbering),
        enrolled,
    )


def pair_keys(
    numbers: pa.Array | pa.ChunkedArray, people: pa.Array | pa.ChunkedArray, total: int
) -> pa.Array | pa.ChunkedArray:
    """One number for each pair of a photo's or a scope's number and a person's."""
    return pc.add(pc.multiply(numbers, total), people)


def _met(claimed: pa.Table, numbering: Numbering) -> Faces:
    """The faces that were given a name: the matched ones first, then by similarity."""
    table = claimed.append_column("inferred", pc.equal(claimed["decision"], Decision.INFERRED))
    table = table.append_column("person", numbering.of_people(claimed["person_id"]))
    table = table.set_column(
        table.schema.get_field_index("similarity"), "similarity", _to_the_person(claimed)
    )
    order = [("inferred", "ascending"), ("similarity", "descending"), ("quality", "descending")]
    return _ranked(table, order, numbering, ["inferred"])


def _to_the_person(claimed: pa.Table) -> pa.ChunkedArray:
    """The cosines of faces to the people whose names they have.

    Null where a name was inferred and somebody else is nearer: the similarity is to that one.
    """
    if "nearest_person_id" not in claimed.column_names:
        return claimed["similarity"]
    own = pc.fill_null(pc.equal(claimed["nearest_person_id"], claimed["person_id"]), False)
    return pc.if_else(own, claimed["similarity"], pa.scalar(None, pa.float32()))


def _near(free: pa.Table, candidates: pa.Table, numbering: Numbering) -> Faces:
    """The pairs of an unclaimed face and a person: those that lack the least first."""
    at = one_array(pc.index_in(_face_keys(candidates), value_set=one_array(_face_keys(free))))
    pairs, at = candidates.filter(at.is_valid()), at.drop_null()
    if "lacking" in candidates.column_names:
        lacking = pairs["lacking"]
    else:
        lacking = pc.subtract(pairs["threshold"], pairs["similarity"])
    table = pairs.select(["photo", "face_id", "similarity"])
    table = table.append_column("lacking", lacking.cast(pa.float32()))
    table = table.append_column("quality", free["quality"].take(at))
    table = table.append_column("person", numbering.of_people(pairs["person_id"]))
    order = [("lacking", "ascending"), ("similarity", "descending")]
    return _ranked(table, order, numbering, ["lacking"])


def _poor(ignored: pa.Table, numbering: Numbering) -> Faces:
    """The unclaimed faces that are too poor to judge: the best of them first."""
    nobody = pa.repeat(pa.scalar(0, pa.int64()), ignored.num_rows)
    empty = pa.nulls(ignored.num_rows, pa.float32())
    table = ignored.append_column("person", nobody).drop_columns("similarity")
    table = table.append_column("similarity", empty)
    return _ranked(table, [("quality", "descending")], numbering, [], people=1)


def _ranked(
    table: pa.Table,
    order: list[tuple[str, str]],
    numbering: Numbering,
    more: list[str],
    people: int | None = None,
) -> Faces:
    """The rows of known photos and people in an order; equal ones by photo and face."""
    table = table.append_column("photo_number", numbering.of_photos(table["photo"]))
    known = pc.and_(pc.is_valid(table["photo_number"]), pc.is_valid(table["person"]))
    table = table.filter(known).sort_by(
        [*order, ("photo_number", "ascending"), ("face_id", "ascending")]
    )
    columns = ["photo", "photo_number", "person", "face_id", "similarity", "quality", *more]
    return Faces.of(table.select(columns), people or numbering.people)


def _face_keys(table: pa.Table) -> pa.Array | pa.ChunkedArray:
    """Photo and face in one text: copies of a photo share the ids of their faces."""
    return pc.binary_join_element_wise(table["photo"], table["face_id"], "\0")


def _merged(best: Best, keys: list[pa.Array], rows: list[pa.Array]) -> Best:
    """The best rows, and further ones by key."""
    counts = [best.counts, *(pa.repeat(1, len(part)) for part in keys)]
    return Best.of(
        pa.chunked_array([best.keys, *keys], pa.int64()),
        pa.chunked_array([best.rows, *rows], pa.int64()),
        pa.chunked_array([c.cast(pa.int64()) for c in counts], pa.int64()),
    )


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
