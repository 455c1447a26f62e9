"""References that a new pack inherits: of people who were named under the archive's pack."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.claims import Claims
from headcount.answers.present_names import with_present_names
from headcount.assignments.history import face_keys
from headcount.contract.forgotten import forgotten_people
from headcount.contract.vocabulary import Decision
from headcount.tables.filters import quoted
from workers.identity.apply_answers import Answers
from workers.identity.enrol_named import append_references
from workers.identity.previous_run import base_assignments, base_tables
from workers.tables.columns import index_of
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables

BEST = 5
"""Faces of each person that become references: as many as `headcount name` takes."""


def inherit_names(
    tables: PackTables,
    job_id: str,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    answers: Answers,
    *,
    confirm: Callable[[], None],
) -> None:
    """Enrol the people who were named under the archive's pack and have no reference in this one.

    Their references are the best of the faces that the archive's pack matches to them, since the
    photos that they were named by may be gone or changed. People of a folder come with the folder.
    Doing it again changes nothing. ``confirm`` raises where nothing may be written any more.
    """
    base = base_tables(tables)
    if base is None:
        return
    missing = _missing(tables, base, answers)
    if not missing:
        return
    assignments = base_assignments(tables, base, job_id, faces)
    if assignments is None:
        return
    assignments = with_present_names(assignments, answers.renames)
    found = best_matched(assignments, faces, answers, set(missing))
    people = [missing[person] for person in found["person_id"].to_pylist()]
    append_references(tables, people, faces, found["row"].to_numpy(), embeddings, confirm=confirm)


def _missing(tables: PackTables, base: PackTables, answers: Answers) -> dict[str, tuple[str, str]]:
    """People who were named under ``base`` and have no reference here, by their present ids.

    Each has the id and name that the other gallery has. A name that was taken back since the other
    pack's last run does not count.
    """
    renames = answers.renames
    columns = ["person_id", "person"]
    of_here = f"source = {quoted(tables.source)}"
    there = base.gallery.read(columns, where=of_here).to_pylist()
    here = tables.gallery.read(columns)["person_id"].to_pylist()
    forgotten = forgotten_people(tables.store)
    known = {renames.now(person, None)[0] for person in {*here, *forgotten}} | forgotten
    now = [(renames.now(r["person_id"], None)[0], (r["person_id"], r["person"])) for r in there]
    claims = Claims.of(answers.anywhere)
    taken_back = answers.people - {claims.names[face] for face in claims.references}
    return {person: earlier for person, earlier in now if person not in known | taken_back}


def best_matched(
    assignments: pa.Table, faces: pa.Table, answers: Answers, people: set[str]
) -> pa.Table:
    """The ``row`` of each ``person_id``'s best faces, BEST at most, each in another photo.

    ``assignments`` are another pack's, with the ids of ``faces``. Only faces count that it matched,
    that are usable here, and that were not rejected.
    """
    ours = pc.and_(
        pc.equal(assignments["decision"], Decision.MATCHED.value),
        pc.is_in(assignments["person_id"], value_set=pa.array(sorted(people), pa.string())),
    )
    matched = assignments.filter(ours).select(["photo", "face_id", "person_id"])
    at = pa.array(index_of(face_keys(matched), face_keys(faces)))
    matched = matched.append_column("row", at)
    for name in ("quality", "usable"):
        matched = matched.append_column(name, faces[name].take(at))
    best = matched.filter(matched["usable"]).sort_by(
        [("person_id", "ascending"), ("quality", "descending"), ("face_id", "ascending")]
    )
    claims = answers.claims
    barred = set(claims.barred)
    none = claims.unreferenced | claims.not_faces
    taken: dict[str, dict[str, int]] = {}
    for row in best.to_pylist():
        of_person = taken.setdefault(row["person_id"], {})
        pair = row["face_id"], row["person_id"]
        if len(of_person) < BEST and pair not in barred and pair[0] not in none:
            barred.add(pair)  # copies of its photo have the same face
            of_person.setdefault(row["photo"], row["row"])
    pairs = [(person, row) for person, rows in taken.items() for row in rows.values()]
    columns = [[person for person, _ in pairs], [row for _, row in pairs]]
    schema = pa.schema([("person_id", pa.string()), ("row", pa.int64())])
    return pa.table(columns, schema=schema)
