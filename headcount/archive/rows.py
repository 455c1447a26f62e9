"""Rows of an open archive's tables: ids, decisions, embeddings, counts. Pure, and in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from uuid import UUID, uuid5

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.record import Answer, FaceMark
from headcount.archive.columns import ANSWERS, schema_of
from headcount.assignments.history import face_keys
from headcount.contract import results

NAMESPACE = UUID("6d0d1f5e-0f0c-5f8e-9c1b-6a2f4c7d9e35")
"""Of the ids of rows; another one would give every row another id."""
SAID = ("decision", "person_id", "person", "cluster_id")
MIN_MATCHED_SHARE = 0.2
"""Least share of a cluster's faces that are matched, for it to have their name: as workers do."""


def row_ids(collection: str, faces: pa.Table) -> pa.Array:
    """An id for each face: a UUID, the same in every export; copies of a photo have their own."""
    pairs = zip(faces["photo"].to_pylist(), faces["face_id"].to_pylist(), strict=True)
    texts = (f"{collection}\0{photo}\0{face}" for photo, face in pairs)
    return pa.array([str(uuid5(NAMESPACE, text)) for text in texts], pa.string())


def with_assignments(faces: pa.Table, assignments: pa.Table) -> pa.Table:
    """Faces with the decision, person and cluster that a job gave them; null where it did not."""
    at = pc.index_in(face_keys(faces), value_set=face_keys(assignments))
    for name in SAID:
        faces = faces.append_column(name, assignments[name].take(at))
    return faces


def with_embeddings(table: pa.Table, dimensions: int) -> pa.Table:
    """The rows of ``descriptor`` that have an embedding, with ``embedding`` in its place."""
    vectors, kept = unit_length(table["descriptor"], dimensions)
    return table.drop(["descriptor"]).take(kept).append_column("embedding", vectors)


def unit_length(embeddings: pa.ChunkedArray, dimensions: int) -> tuple[pa.Array, pa.Array]:
    """Embeddings as float32 of unit length, M of N, and the M rows that they are of.

    The others have none, or one without a direction: of zeros, or with NaN in it.
    """
    column = pa.chunked_array(embeddings).combine_chunks()
    rows = pa.array(range(len(column)), pa.int64())
    there = column.is_valid()
    column, rows = column.filter(there), rows.filter(there)
    values = column.flatten().cast(pa.float32()).cast(pa.float64())
    lengths = _lengths(values, dimensions)
    sound = pc.and_(pc.is_finite(lengths), pc.greater(lengths, 0))
    if not pc.all(sound, min_count=0).as_py():
        column, rows, lengths = (part.filter(sound) for part in (column, rows, lengths))
        values = column.flatten().cast(pa.float32()).cast(pa.float64())
    owners = _lists(values, dimensions).cast(pa.list_(pa.float64()))
    of_each = lengths.take(pc.list_parent_indices(owners))
    scaled = pc.divide(values, of_each).cast(pa.float32(), safe=False)
    return _lists(scaled, dimensions), rows


def _lengths(values: pa.Array, dimensions: int) -> pa.Array:
    """The length of each vector; NaN where one of its numbers is none."""
    squares = _lists(pc.multiply(values, values), dimensions)
    total = pa.nulls(len(squares), pa.float64()).fill_null(0.0)
    for place in range(dimensions):
        total = pc.add(total, pc.list_element(squares, place))
    return pc.sqrt(total)


def _lists(values: pa.Array, dimensions: int) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(values, dimensions)


def in_parts(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of ``rows`` each; the last one has what is left."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        while sum(len(part) for part in held) >= rows:
            whole = pa.concat_tables(held)
            yield whole.slice(0, rows)
            held = [whole.slice(rows)]
    if left := [part for part in held if len(part)]:
        yield pa.concat_tables(left)


def people_table(references: pa.Table, named: pa.Table) -> pa.Table:
    """One row per enrolled person: references, and the photos and faces that are the person's.

    ``named`` has ``collection``, ``photo`` and ``person_id`` of faces.
    """
    keys = ["person_id", "source", "photo"]
    once = references.group_by(keys).aggregate([("person", "max")])
    people = once.group_by("person_id").aggregate([("person_max", "max"), ("photo", "count")])
    people = people.sort_by([("person_max_max", "ascending"), ("person_id", "ascending")])
    named = named.filter(pc.is_valid(named["person_id"]))
    photos = named.group_by(["person_id", "collection", "photo"]).aggregate([])
    found = [
        table.group_by("person_id").aggregate([("photo", "count")]) for table in (photos, named)
    ]
    ids = people["person_id"]
    counts = (t["photo_count"].take(_places(ids, t)).fill_null(0).cast(pa.int32()) for t in found)
    columns = [ids, people["person_max_max"], people["photo_count"].cast(pa.int32()), *counts]
    return pa.table([c.combine_chunks() for c in columns], schema=results.PEOPLE)


def _places(ids: pa.ChunkedArray, table: pa.Table) -> pa.Array:
    return pc.index_in(ids, value_set=table["person_id"].combine_chunks()).combine_chunks()


def cluster_people(assignments: pa.Table) -> pa.Table:
    """The person of each cluster, ``cluster_id`` and ``person_id``: of its matched faces alone.

    None where they are few, or are several people's.
    """
    inside = assignments.filter(pc.is_valid(assignments["cluster_id"]))
    matched = inside.filter(pc.equal(inside["decision"], "matched"))
    asked = [("person_id", "min"), ("person_id", "max"), ("person_id", "count")]
    found = matched.group_by("cluster_id").aggregate(asked)
    sizes = inside.group_by("cluster_id").aggregate([("face_id", "count")])
    at = pc.index_in(found["cluster_id"], value_set=sizes["cluster_id"].combine_chunks())
    faces = sizes["face_id_count"].take(at.combine_chunks())
    one = pc.equal(found["person_id_min"], found["person_id_max"])
    enough = pc.greater_equal(found["person_id_count"], pc.multiply(faces, MIN_MATCHED_SHARE))
    found = found.filter(pc.and_(one, enough))
    return found.select(["cluster_id", "person_id_min"]).rename_columns(["cluster_id", "person_id"])


def answers_table(answers: Iterable[Answer]) -> pa.Table:
    """One row per face of each answer, or one row for an answer without faces."""
    rows = [
        {**_said(answer), **(_marked(mark) if mark else {})}
        for answer in answers
        for mark in answer.faces or (None,)
    ]
    return pa.Table.from_pylist(rows, schema_of(ANSWERS))


def _said(answer: Answer) -> dict[str, object]:
    return {
        "answer_id": answer.id,
        "what": answer.what,
        "said_at": answer.at.astimezone(UTC).replace(tzinfo=None),
        "said_by": answer.by,
        "person_id": answer.person_id,
        "person": answer.person,
        "new_person": answer.new_person,
        "photo": answer.photo,
        "cluster_id": answer.cluster,
        "job_id": answer.job_id,
    }


def _marked(mark: FaceMark) -> dict[str, object]:
    return {
        "face_id": mark.face_id or None,
        "photo_sha256": mark.content or None,
        **dict(zip("xywh", mark.box, strict=True)),
        "side": mark.side,
        "reference": mark.reference,
    }
