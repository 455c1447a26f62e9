"""Faces that have another id than in the run before, since their photo has other bytes or profile.

The table of faces as it was with that run tells where they were and what they looked like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount import decisions
from headcount.assignments import history
from headcount.assignments.history import face_keys
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.decisions import DecisionRecord, FaceMark
from headcount.tables.filters import any_of, parts, quoted
from workers.identity.previous_run import FACE_ID_MAP, PLACED, job_before, same_places
from workers.runtime.unit import Unit
from workers.tables.columns import NONE, one_array, positions
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.faces import DESCRIPTOR
from workers.tables.rows import matrix

ALIKE = 0.8
"""Cosine from which two faces in one place of a photo and of what it was are one face: far above
what two people reach (0.46 in one of 100,000 pairs, by the embedded pack). A photo that was
replaced often has somebody else in the same place."""
COMPARED = 1 << 18
"""Faces whose embeddings of then and of now are held at a time: all have other ids where a whole
collection was searched with another profile."""


def find_restated(unit: Unit, faces: pa.Table, embeddings: EmbeddingLookup) -> pa.Table:
    """MEANINGS of the faces whose id is gone, though their photo is here: by place and likeness.

    Empty where nothing tells any more: the first run, or versions that a `forget` removed.
    """
    job_id = job_before(unit, unit.pack_keys, unit.collection_id)
    if job_id is None:
        return FACE_ID_MAP.empty_table()
    roll = history.read_assignments(unit.store, unit.pack_keys, unit.collection_id, job_id)
    gone = roll.filter(pc.is_in(roll["photo"], value_set=one_array(faces["photo"])))
    gone = gone.filter(pc.invert(pc.is_in(face_keys(gone), value_set=face_keys(faces))))
    if not gone.num_rows:
        return FACE_ID_MAP.empty_table()
    before = _faces_with(unit, job_id, gone, PLACED)
    added = np.flatnonzero(positions(face_keys(faces), face_keys(roll)) == NONE)
    photos = pc.unique(before["photo"])
    found = same_places(before, faces.select(PLACED).take(pa.array(added)), photos)
    kept = [found.slice(0, 0)]
    for some in (found.slice(at, COMPARED) for at in range(0, len(found), COMPARED)):
        looked = _faces_with(unit, job_id, some, ["photo", "face_id", DESCRIPTOR])
        kept.append(_alike(some, looked, faces, embeddings))
    return pa.concat_tables(kept)


def _faces_with(unit: Unit, job_id: str, gone: pa.Table, columns: Sequence[str]) -> pa.Table:
    """These columns of some faces as they were with an earlier job."""
    table = unit.table(unit.pack_keys.faces)
    commit = find_record(unit.store, JobKeys(job_id).commit, CommitRecord)
    if commit is None or not table.has(commit.faces):
        return table.read(columns, where="false")
    wanted, found = face_keys(gone), [table.read(columns, where="false")]
    for batch in table.at(commit.faces).scan(columns, where=unit.of_collection):
        rows = pa.Table.from_batches([batch])
        found.append(rows.filter(pc.is_in(face_keys(rows), value_set=wanted)))
    return pa.concat_tables(found)


def _alike(
    found: pa.Table, before: pa.Table, faces: pa.Table, embeddings: EmbeddingLookup
) -> pa.Table:
    """Those of ``found`` that look as they did."""
    theirs = before[DESCRIPTOR].take(pa.array(positions(face_keys(found), face_keys(before))))
    named = found.select(["photo"]).append_column("face_id", found["meaning"])
    mine = embeddings[positions(face_keys(named), face_keys(faces))]
    return found.filter(pa.array(cosines(matrix(theirs), mine) >= ALIKE))


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosine of each row of one N x D with that row of the other."""
    found: NDArray[np.float32] = np.einsum("ij,ij->i", one, other)
    found /= np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return found


def restate_decisions(unit: Unit, faces: pa.Table, restated: pa.Table) -> None:
    """Let decisions and references about these faces hold for the ids that they have now.

    What decisions said of the old ids stays, for a `rollback`. Doing it again changes nothing.
    """
    if not restated.num_rows:
        return
    for key, record in list(decisions.read(unit.store)):
        marked = pa.array([mark.face_id for mark in record.faces], pa.string())
        about = restated.filter(pc.is_in(restated["face_id"], value_set=marked))
        if about.num_rows:
            more = with_marks(record, about, _marks(unit, faces, about))
            if more != record:
                unit.confirm()
                unit.store.put(key, more.to_bytes())
    _restate_references(unit, restated)


def with_marks(
    record: DecisionRecord, about: pa.Table, marks: dict[tuple[str, str], FaceMark]
) -> DecisionRecord:
    """A decision that marks the faces ``about``, MEANINGS, by their new ids too.

    ``marks`` are those of the new faces, by photo and face id.
    """
    known = {mark.face_id for mark in record.faces}
    sides = {mark.face_id: mark.side for mark in record.faces}
    added = {
        row["meaning"]: marks[row["photo"], row["meaning"]].model_copy(
            update={"side": sides[row["face_id"]]}
        )
        for row in about.to_pylist()
        if row["meaning"] not in known
    }
    return record.model_copy(update={"faces": (*record.faces, *added.values())})


def _marks(unit: Unit, faces: pa.Table, about: pa.Table) -> dict[tuple[str, str], FaceMark]:
    """Marks of the faces that are meant, by photo and face id."""
    contents: dict[str, str] = {}
    for part in parts(pc.unique(about["photo"]).to_pylist()):
        where = f"{unit.of_collection} AND {any_of('photo', part)}"
        rows = unit.table(unit.pack_keys.photos).read(["photo", "content"], where=where)
        contents |= {row["photo"]: row["content"] for row in rows.to_pylist()}
    named = about.select(["photo"]).append_column("face_id", about["meaning"])
    at = positions(face_keys(named), face_keys(faces))
    return {
        (row["photo"], row["face_id"]): FaceMark(
            face_id=row["face_id"],
            content=contents.get(row["photo"], ""),
            box=(row["x"], row["y"], row["w"], row["h"]),
        )
        for row in faces.select(PLACED).take(pa.array(at)).to_pylist()
    }


def _restate_references(unit: Unit, restated: pa.Table) -> None:
    """References that were taken from these faces: a rejection looks for them by face id."""
    table = unit.table(unit.pack_keys.gallery)
    source = f"source = {quoted(unit.spec.photos or '')}"
    meant = {(r["photo"], r["face_id"]): r["meaning"] for r in restated.to_pylist()}
    for row in table.read(["photo", "etag"], where=source).to_pylist():
        meaning = meant.get((row["photo"], row["etag"]))
        if meaning is not None:
            mine = f"photo = {quoted(row['photo'])} AND etag = {quoted(row['etag'])}"
            unit.confirm()
            table.update({"etag": quoted(meaning)}, f"{source} AND {mine}")
