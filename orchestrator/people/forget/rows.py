"""A forgotten person taken out of tables: faces, clusters, people, photos, as pure functions."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.vocabulary import Decision, Outcome, person_id
from headcount.rosters.statuses import hint_words
from orchestrator.people.forget.edited import NAMING


def without_person(faces: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Rows without the forgotten faces; other faces with the name become unknown."""
    gone = pc.is_in(faces["face_id"], pa.array(stone.faces, pa.string()))
    faces = faces.filter(pc.invert(gone))
    mine = pc.fill_null(pc.equal(faces["person_id"], stone.person_id), False)
    unknown = pa.scalar(Decision.UNKNOWN.value, pa.string())
    at = faces.schema.get_field_index("decision")
    decision = pc.if_else(mine, unknown, faces["decision"])
    faces = _without_reference(faces.set_column(at, "decision", decision), stone)
    return without_name(faces, stone)


def _without_reference(faces: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Faces without the references of the person, where they are told."""
    if "nearest_person_id" not in faces.column_names:
        return faces
    near = pc.fill_null(pc.equal(faces["nearest_person_id"], stone.person_id), False)
    for name in (c for c in faces.column_names if NAMING.get(c) == "nearest"):
        faces = _emptied(faces, name, near)
    return faces


def _emptied(table: pa.Table, name: str, where: pa.ChunkedArray) -> pa.Table:
    """Table with null in some rows of a column."""
    at, column = table.schema.get_field_index(name), table.schema.field(name)
    nothing = pa.scalar(None, column.type)
    return table.set_column(at, column, pc.if_else(where, nothing, table[name]))


def without_expectations(expected: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """The table `expected` without the rows about the person, and what other rows tell of them.

    Those are the person's faces, nearest to somebody else, and the name as a hint.
    """
    names = pc.unique(expected["person"])
    mine = [n for n in names.to_pylist() if n is not None and person_id(n) == stone.person_id]
    left = expected.filter(
        pc.invert(
            pc.or_(
                pc.fill_null(pc.equal(expected["person_id"], stone.person_id), False),
                pc.is_in(expected["person"], pa.array(mine, pa.string())),
            )
        )
    )
    gone = pc.is_in(left["face_id"], pa.array(stone.faces, pa.string()))
    for name in ("face_id", "similarity", "quality"):
        left = _emptied(left, name, gone)
    if stone.person:
        at = left.schema.get_field_index("reason")
        reason = pc.replace_substring(left["reason"], hint_words(stone.person), "")
        left = left.set_column(at, left.schema.field(at), reason)
    return without_name(left, stone)


def without_kept(expectations: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """A job's kept expectations without the person."""
    return expectations.filter(pc.not_equal(expectations["person_id"], stone.person_id))


def without_name(table: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Table with null in each cell that is the person's id or name.

    Text columns that this build does not know are searched for both.
    """
    for at, column in enumerate(table.schema):
        words = _words(column, stone)
        if words:
            mine = pc.is_in(table[at], value_set=pa.array(words, column.type))
            nothing = pa.scalar(None, column.type)
            table = table.set_column(at, column, pc.if_else(mine, nothing, table[at]))
    return table


def _words(column: pa.Field, stone: ForgottenRecord) -> list[str]:
    """Values by which a column names the person; none where it names nobody."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return []
    name = [stone.person] if stone.person else []
    of = {"": [], "nearest": [], "id": [stone.person_id], "name": name}
    return of.get(NAMING.get(column.name, "its own"), [stone.person_id, *name])


def clusters_of(clusters: pa.Table, left: pa.Table | None, stone: ForgottenRecord) -> pa.Table:
    """Clusters of the faces that are ``left``, with further columns as they were.

    Where the faces are not known (None) the clusters stay, without the person.
    """
    people = without_name(clusters, stone)
    if left is None:
        return _without_exemplars(people, stone)
    made = results.clusters_table(left, people)
    known = [name for name in made.schema.names if name in people.schema.names]
    made = made.select(known)
    at = pc.index_in(made["cluster_id"], value_set=people["cluster_id"].combine_chunks())
    for name in people.schema.names[len(known) :]:
        made = made.append_column(name, people[name].take(at))
    return made


def _without_exemplars(clusters: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Clusters without exemplars that were forgotten."""
    at = clusters.schema.get_field_index("exemplar_face_id")
    gone = pc.is_in(clusters[at], pa.array(stone.faces, pa.string()))
    left = pc.if_else(gone, pa.scalar(None, pa.string()), clusters[at])
    return clusters.set_column(at, clusters.schema.field(at), left)


def without_row(people: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Table of people without the person."""
    return people.filter(pc.not_equal(people["person_id"], stone.person_id))


def without_pairs(together: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Table of pairs without those of the person."""
    for name in ("person_id", "other_id"):
        together = together.filter(pc.not_equal(together[name], stone.person_id))
    return together


def with_face_counts(photos: pa.Table, before: pa.Table, left: pa.Table) -> pa.Table:
    """Photos with the number of faces that are left, where it changed, and the outcome."""
    had, have = (_faces_of(photos["photo"], faces["photo"]) for faces in (before, left))
    fewer = pc.not_equal(had, have)
    none = pc.and_(fewer, pc.equal(have, 0))
    changes = {
        "faces": pc.if_else(fewer, have, photos["faces"]),
        "outcome": pc.if_else(none, Outcome.NO_FACE.value, photos["outcome"]),
    }
    for name, column in changes.items():
        at = photos.schema.get_field_index(name)
        photos = photos.set_column(at, photos.schema.field(at), column)
    return photos


def _faces_of(photos: pa.ChunkedArray, faces: pa.ChunkedArray) -> pa.ChunkedArray:
    """Number of faces in each of the photos; ``faces`` holds each face's photo."""
    counts = faces.combine_chunks().value_counts()
    at = pc.index_in(photos, value_set=counts.field("values"))
    return pc.fill_null(counts.field("counts").cast(pa.int32()).take(at), 0)
