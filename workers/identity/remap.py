"""Faces whose id has changed since the previous run: their photo has new bytes, or a new profile.

The version of the table of faces that the run used tells where they were and how they looked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount import decisions
from headcount.assignments.history import face_keys
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.decisions import DecisionRecord, FaceMark
from headcount.tables.filters import any_of, parts, quoted
from workers.identity.previous_run import (
    FACE_ID_MAP,
    PLACED,
    job_before,
    read_assignments,
    same_places,
)
from workers.tables.columns import NONE, index_of, one_array
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.faces import DESCRIPTOR
from workers.tables.pack_tables import PackTables
from workers.tables.rows import matrix

ALIKE = 0.8
"""Cosine from which two faces at one place of a photo, before and after, are one face: far above
what two people reach (0.46 in one of 100,000 pairs, by the embedded pack). A photo that was
replaced often has somebody else at the same place."""
COMPARED = 1 << 18
"""Faces whose old and new embeddings are held at a time: all ids are new where a whole collection
was searched with another profile."""


def find_remapped(
    tables: PackTables, job_id: str, faces: pa.Table, embeddings: EmbeddingLookup
) -> pa.Table:
    """FACE_ID_MAP of faces whose id is gone though their photo is here, by place and likeness.

    Empty for the first run, and where a `forget` has removed the earlier version of the table.
    """
    return remapped_since(tables, job_before(tables, job_id), faces, embeddings)


def remapped_since(
    tables: PackTables, last: str | None, faces: pa.Table, embeddings: EmbeddingLookup
) -> pa.Table:
    """FACE_ID_MAP of faces whose id in the job ``last`` is gone though their photo is here."""
    if last is None:
        return FACE_ID_MAP.empty_table()
    assignments = read_assignments(tables, last)
    gone = assignments.filter(pc.is_in(assignments["photo"], value_set=one_array(faces["photo"])))
    gone = gone.filter(pc.invert(pc.is_in(face_keys(gone), value_set=face_keys(faces))))
    if not gone.num_rows:
        return FACE_ID_MAP.empty_table()
    before = _faces_with(tables, last, gone, PLACED)
    added = np.flatnonzero(index_of(face_keys(faces), face_keys(assignments)) == NONE)
    photos = pc.unique(before["photo"])
    found = same_places(before, faces.select(PLACED).take(pa.array(added)), photos)
    kept = [found.slice(0, 0)]
    for some in (found.slice(at, COMPARED) for at in range(0, len(found), COMPARED)):
        looked = _faces_with(tables, last, some, ["photo", "face_id", DESCRIPTOR])
        kept.append(_alike(some, looked, faces, embeddings))
    return pa.concat_tables(kept)


def _faces_with(
    tables: PackTables, job_id: str, gone: pa.Table, columns: Sequence[str]
) -> pa.Table:
    """Columns of the faces ``gone``, from the version of the table that an earlier job used."""
    table = tables.faces
    commit = find_record(tables.store, JobKeys(job_id).commit, CommitRecord)
    if commit is None or not table.has(commit.faces):
        return table.read(columns, where="false")
    wanted, found = face_keys(gone), [table.read(columns, where="false")]
    for batch in table.at(commit.faces).scan(columns, where=tables.of_collection):
        rows = pa.Table.from_batches([batch])
        found.append(rows.filter(pc.is_in(face_keys(rows), value_set=wanted)))
    return pa.concat_tables(found)


def _alike(
    found: pa.Table, before: pa.Table, faces: pa.Table, embeddings: EmbeddingLookup
) -> pa.Table:
    """The part of ``found`` (FACE_ID_MAP) whose old and new faces are ALIKE."""
    theirs = before[DESCRIPTOR].take(pa.array(index_of(face_keys(found), face_keys(before))))
    named = found.select(["photo"]).append_column("face_id", found["new_face_id"])
    mine = embeddings[index_of(face_keys(named), face_keys(faces))]
    return found.filter(pa.array(cosines(matrix(theirs), mine) >= ALIKE))


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines between the rows of two N x D, row by row."""
    found: NDArray[np.float32] = np.einsum("ij,ij->i", one, other)
    found /= np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return found


def remap_answers(
    tables: PackTables, faces: pa.Table, remapped: pa.Table, *, confirm: Callable[[], None]
) -> None:
    """Add the new ids of remapped faces to the answers and references about them.

    The old ids stay in the answers, for a `rollback`. Doing it again changes nothing.
    ``confirm`` raises where nothing may be written any more.
    """
    if not remapped.num_rows:
        return
    for key, record in list(decisions.read(tables.store)):
        marked = pa.array([mark.face_id for mark in record.faces], pa.string())
        about = remapped.filter(pc.is_in(remapped["face_id"], value_set=marked))
        if about.num_rows:
            more = with_marks(record, about, _marks(tables, faces, about))
            if more != record:
                confirm()
                tables.store.put(key, more.to_bytes())
    _remap_references(tables, remapped, confirm)


def with_marks(
    record: DecisionRecord, about: pa.Table, marks: dict[tuple[str, str], FaceMark]
) -> DecisionRecord:
    """An answer that also marks the faces ``about`` (FACE_ID_MAP) by their new ids.

    ``marks`` are the marks of the new faces, by photo and face id.
    """
    known = {mark.face_id for mark in record.faces}
    sides = {mark.face_id: mark.side for mark in record.faces}
    added = {
        row["new_face_id"]: marks[row["photo"], row["new_face_id"]].model_copy(
            update={"side": sides[row["face_id"]]}
        )
        for row in about.to_pylist()
        if row["new_face_id"] not in known
    }
    return record.model_copy(update={"faces": (*record.faces, *added.values())})


def _marks(tables: PackTables, faces: pa.Table, about: pa.Table) -> dict[tuple[str, str], FaceMark]:
    """Marks of the new faces of ``about`` (FACE_ID_MAP), by photo and face id."""
    contents: dict[str, str] = {}
    for part in parts(pc.unique(about["photo"]).to_pylist()):
        where = f"{tables.of_collection} AND {any_of('photo', part)}"
        rows = tables.photos.read(["photo", "content"], where=where)
        contents |= {row["photo"]: row["content"] for row in rows.to_pylist()}
    named = about.select(["photo"]).append_column("face_id", about["new_face_id"])
    at = index_of(face_keys(named), face_keys(faces))
    return {
        (row["photo"], row["face_id"]): FaceMark(
            face_id=row["face_id"],
            content=contents.get(row["photo"], ""),
            box=(row["x"], row["y"], row["w"], row["h"]),
        )
        for row in faces.select(PLACED).take(pa.array(at)).to_pylist()
    }


def _remap_references(tables: PackTables, remapped: pa.Table, confirm: Callable[[], None]) -> None:
    """Give references that are remapped faces their new ids: a rejection looks for them by id."""
    source = f"source = {quoted(tables.source)}"
    meant = {(r["photo"], r["face_id"]): r["new_face_id"] for r in remapped.to_pylist()}
    for row in tables.gallery.read(["photo", "etag"], where=source).to_pylist():
        new_face_id = meant.get((row["photo"], row["etag"]))
        if new_face_id is not None:
            mine = f"photo = {quoted(row['photo'])} AND etag = {quoted(row['etag'])}"
            confirm()
            tables.gallery.update({"etag": quoted(new_face_id)}, f"{source} AND {mine}")
