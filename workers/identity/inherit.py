"""References that a new pack inherits: of people whom `headcount name` made under another one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments.history import face_keys
from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import read_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.contract.vocabulary import Decision
from headcount.tables.filters import quoted
from workers.identity.apply_answers import Decided, append_references
from workers.identity.previous_run import base_roll
from workers.runtime.unit import Unit
from workers.tables.columns import positions
from workers.tables.embeddings import EmbeddingLookup

BEST = 5
"""Faces of each person that become references: as many as `headcount name` takes."""


def inherit_names(
    unit: Unit, faces: pa.Table, embeddings: EmbeddingLookup, decided: Decided
) -> None:
    """Enrol the people who were named under the archive's pack, and have no reference in this one.

    The photos they were named by may be gone or changed: so the best of the faces that the
    archive's pack matches to them become references. People of a folder come with it. Doing it
    again changes nothing.
    """
    base = PackKeys(read_record(unit.store, ARCHIVE, ArchiveRecord).model.pack_id)
    if base == unit.pack_keys:
        return
    missing = _missing(unit, base)
    if not missing:
        return
    roll = base_roll(unit, base, faces)
    if roll is None:
        return
    found = best_matched(roll, faces, decided, set(missing))
    people = [(person, missing[person]) for person in found["person_id"].to_pylist()]
    append_references(unit, people, faces, found["row"].to_numpy(), embeddings)


def _missing(unit: Unit, base: PackKeys) -> dict[str, str]:
    """The names, by id, of those who were named under ``base`` and are unknown here."""
    columns = ["person_id", "person"]
    named = f"source = {quoted(unit.spec.photos or '')}"
    there = unit.table(base.gallery).read(columns, where=named).to_pylist()
    here = unit.table(unit.pack_keys.gallery).read(columns)["person_id"].to_pylist()
    known = {*here, *forgotten_people(unit.store)}
    return {r["person_id"]: r["person"] for r in there if r["person_id"] not in known}


def best_matched(roll: pa.Table, faces: pa.Table, decided: Decided, people: set[str]) -> pa.Table:
    """The ``row`` of each ``person_id``'s best faces, BEST at most, each in another photo.

    ``roll`` is what another pack said of ``faces``, by their own ids. Only what it matched counts,
    can be judged here, and was not rejected.
    """
    ours = pc.and_(
        pc.equal(roll["decision"], Decision.MATCHED.value),
        pc.is_in(roll["person_id"], value_set=pa.array(sorted(people), pa.string())),
    )
    matched = roll.filter(ours).select(["photo", "face_id", "person_id"])
    at = pa.array(positions(face_keys(matched), face_keys(faces)))
    matched = matched.append_column("row", at)
    for name in ("quality", "usable"):
        matched = matched.append_column(name, faces[name].take(at))
    best = matched.filter(matched["usable"]).sort_by(
        [("person_id", "ascending"), ("quality", "descending"), ("face_id", "ascending")]
    )
    barred = set(decided.rejected)
    taken: dict[str, dict[str, int]] = {}
    for row in best.to_pylist():
        of_person = taken.setdefault(row["person_id"], {})
        pair = row["face_id"], row["person_id"]
        if len(of_person) < BEST and pair not in barred:
            barred.add(pair)  # copies of its photo have the same face
            of_person.setdefault(row["photo"], row["row"])
    pairs = [(person, row) for person, rows in taken.items() for row in rows.values()]
    columns = [[person for person, _ in pairs], [row for _, row in pairs]]
    schema = pa.schema([("person_id", pa.string()), ("row", pa.int64())])
    return pa.table(columns, schema=schema)
