"""Faces whose id has changed since the previous run: new bytes, another profile or reading.

The version of the table of faces that the run used tells where they were and how they looked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.answers.kept import read_objects, replace_object
from headcount.answers.record import Answer, FaceMark
from headcount.assignments.history import face_keys
from headcount.assignments.moment import cluster_faces
from headcount.contract.frames import UNKNOWN, Frame
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CommitRecord
from headcount.tables.filters import any_of, parts
from workers.identity.find_marks import photos_by_content
from workers.identity.previous_run import (
    FACE_ID_MAP,
    PLACED,
    base_tables,
    job_before,
    read_assignments,
    same_places,
)
from workers.identity.same_photos import in_other_frames, in_present_frames, unchanged_photos
from workers.tables.columns import NONE, index_of, one_array, take_or_null
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.faces import DESCRIPTOR
from workers.tables.pack_tables import PackTables
from workers.tables.rows import matrix

ALIKE = 0.8
"""Cosine from which two faces at one place of a photo, before and after, are one face: far above
what two people reach (0.46 in one of 100,000 pairs, by the embedded pack). A photo that was
replaced often has somebody else at the same place."""
_TURNED = pa.schema(
    [("photo", pa.string()), ("face_id", pa.string())]
    + [(name, pa.float32()) for name in "xywh"]
    + [("content", pa.string())]
)
COMPARED = 1 << 18
"""Faces whose old and new embeddings are held at a time: all ids are new where a whole collection
was searched with another profile."""


@dataclass(frozen=True, slots=True)
class Remapped:
    """The faces whose id has changed since the run before (``ids``, a FACE_ID_MAP).

    ``turned`` are the earlier faces of photos with the same bytes that are turned or sized
    otherwise now: PLACED as they are now, and ``content``.
    """

    ids: pa.Table
    turned: pa.Table

    @classmethod
    def none(cls) -> Remapped:
        """No face."""
        return cls(FACE_ID_MAP.empty_table(), _TURNED.empty_table())


def find_remapped(
    tables: PackTables, job_id: str, faces: pa.Table, embeddings: EmbeddingLookup
) -> Remapped:
    """Faces whose id is gone though their photo is here, by place and likeness.

    In a photo whose bytes are the same place alone decides: it is the same face, and what an
    earlier reading made of it may look otherwise. None for the first run, and where a `forget`
    has removed the earlier version of the table.
    """
    return remapped_since(tables, job_before(tables, job_id), faces, embeddings)


def remapped_since(
    tables: PackTables, last: str | None, faces: pa.Table, embeddings: EmbeddingLookup
) -> Remapped:
    """Faces whose id in the job ``last`` is gone though their photo is here."""
    if last is None:
        return Remapped.none()
    assignments = read_assignments(tables, last)
    gone = assignments.filter(pc.is_in(assignments["photo"], value_set=one_array(faces["photo"])))
    gone = gone.filter(pc.invert(pc.is_in(face_keys(gone), value_set=face_keys(faces))))
    if not gone.num_rows:
        return Remapped.none()
    commit = find_record(tables.store, JobKeys(last).commit, CommitRecord)
    before = _faces_with(tables, commit, gone, PLACED)
    photos = one_array(pc.unique(before["photo"]))
    same = unchanged_photos(tables, commit, photos)
    placed = in_present_frames(before, same)
    added = np.flatnonzero(index_of(face_keys(faces), face_keys(assignments)) == NONE)
    found = same_places(placed, faces.select(PLACED).take(pa.array(added)), photos)
    sure = pc.is_in(found["photo"], value_set=one_array(same["photo"]))
    kept, asked = [found.filter(sure)], found.filter(pc.invert(sure))
    for some in (asked.slice(at, COMPARED) for at in range(0, len(asked), COMPARED)):
        looked = _faces_with(tables, commit, some, ["photo", "face_id", DESCRIPTOR])
        kept.append(_alike(some, looked, faces, embeddings))
    return Remapped(pa.concat_tables(kept), _turned(placed, in_other_frames(same)))


def _turned(placed: pa.Table, photos: pa.Table) -> pa.Table:
    """Those of the placed faces that are in ``photos``, with the content of each one's photo."""
    at = index_of(placed["photo"], photos["photo"])
    content = take_or_null(photos["content"], at[at != NONE])
    return placed.filter(pa.array(at != NONE)).append_column("content", content).cast(_TURNED)


def _faces_with(
    tables: PackTables, commit: CommitRecord | None, gone: pa.Table, columns: Sequence[str]
) -> pa.Table:
    """Columns of the faces ``gone``, from the version of the table that a job committed."""
    table = tables.faces
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
    tables: PackTables, faces: pa.Table, remapped: Remapped, *, confirm: Callable[[], None]
) -> None:
    """Add the new ids of remapped faces to the answers about them.

    The old ids stay in the answers, for a `rollback`; their places go along with a photo that the
    archive's own pack has turned otherwise. Doing it again changes nothing. ``confirm`` raises
    where nothing may be written any more.
    """
    turned = remapped.turned if base_tables(tables) is None else _TURNED.empty_table()
    contents = set(turned["content"].to_pylist())
    frames = {c: found.frame for c, found in photos_by_content(tables, contents).items()}
    ids, places = remapped.ids, Places.of(turned, faces, frames)
    if not (ids.num_rows or places.contents):
        return
    objects = list(read_objects(tables.store))
    keys = (base_tables(tables) or tables).keys
    moments = [answer.moment for _, answers in objects for answer in answers]
    clusters = iter(cluster_faces(tables.store, keys, moments))

    def remapped_answer(answer: Answer, more_faces: Iterable[str]) -> Answer:
        meant = pa.array([*(mark.face_id for mark in answer.faces), *more_faces], pa.string())
        about = ids.filter(pc.is_in(ids["face_id"], value_set=meant))
        placed = places.applied(answer)
        return with_marks(placed, about, _marks(tables, faces, about)) if len(about) else placed

    for key, answers in objects:
        more = tuple(remapped_answer(answer, next(clusters)) for answer in answers)
        if more != answers:
            confirm()
            replace_object(tables.store, key, more)


@dataclass(frozen=True, slots=True)
class Places:
    """The places of earlier faces in photos that are turned otherwise now, by face id.

    ``contents`` are those of the photos, ``here`` the ids of the faces that a run has in them, and
    ``frames`` are those of the photos now, by content.
    """

    boxes: Mapping[str, tuple[float, float, float, float]]
    contents: Collection[str]
    here: Collection[str]
    frames: Mapping[str, Frame]

    @classmethod
    def of(cls, turned: pa.Table, faces: pa.Table, frames: Mapping[str, Frame]) -> Places:
        """The places of the ``turned`` faces of a Remapped, in photos of these ``frames``."""
        rows = turned.to_pylist()
        boxes = {r["face_id"]: (r["x"], r["y"], r["w"], r["h"]) for r in rows}
        inside = pc.is_in(faces["photo"], value_set=one_array(turned["photo"]))
        here = faces["face_id"].filter(inside).to_pylist() if rows else ()
        return cls(boxes, {row["content"] for row in rows}, frozenset(here), frames)

    def applied(self, record: Answer) -> Answer:
        """An answer whose marks in the turned photos are where their faces are now.

        Marks of faces that were gone before the photo was turned are known by their id alone:
        nobody knows how it was turned then, and somebody else may be at that place.
        """
        marks = tuple(
            mark.model_copy(update=self._change(mark)) if mark.content in self.contents else mark
            for mark in record.faces
        )
        return record.model_copy(update={"faces": marks}) if marks != record.faces else record

    def _change(self, mark: FaceMark) -> dict[str, object]:
        if not mark.face_id:
            return {}  # a place: it is kept in the frame that it was drawn in
        if mark.face_id in self.boxes:
            frame = self.frames.get(mark.content, UNKNOWN)
            return {"box": self.boxes[mark.face_id], "frame": frame}
        known = mark.face_id in self.here or not mark.face_id  # a place has its own frame
        return {} if known else {"content": ""}


def with_marks(record: Answer, about: pa.Table, marks: dict[tuple[str, str], FaceMark]) -> Answer:
    """An answer that also marks the faces ``about`` (FACE_ID_MAP) by their new ids.

    ``marks`` are the marks of the new faces, by photo and face id. Faces that the answer does not
    mark are others of the cluster that it names: they become no references.
    """
    known = {mark.face_id for mark in record.faces}
    earlier = {mark.face_id: mark for mark in record.faces}
    other = FaceMark(face_id="", content="", box=(0, 0, 0, 0), reference=False)
    added = {
        row["new_face_id"]: marks[row["photo"], row["new_face_id"]].model_copy(
            update=earlier.get(row["face_id"], other).model_dump(include={"side", "reference"})
        )
        for row in about.to_pylist()
        if row["new_face_id"] not in known
    }
    return record.model_copy(update={"faces": (*record.faces, *added.values())})


def _marks(tables: PackTables, faces: pa.Table, about: pa.Table) -> dict[tuple[str, str], FaceMark]:
    """Marks of the new faces of ``about`` (FACE_ID_MAP), by photo and face id."""
    contents: dict[str, str] = {}
    frames: dict[str, Frame] = {}
    for part in parts(pc.unique(about["photo"]).to_pylist()):
        where = f"{tables.of_collection} AND {any_of('photo', part)}"
        rows = tables.photos.read(["photo", "content", *Frame._fields], where=where).to_pylist()
        contents |= {row["photo"]: row["content"] for row in rows}
        frames |= {row["photo"]: Frame.of(row) for row in rows}
    named = about.select(["photo"]).append_column("face_id", about["new_face_id"])
    at = index_of(face_keys(named), face_keys(faces))
    return {
        (row["photo"], row["face_id"]): FaceMark(
            face_id=row["face_id"],
            content=contents.get(row["photo"], ""),
            box=(row["x"], row["y"], row["w"], row["h"]),
            frame=frames.get(row["photo"], UNKNOWN),
        )
        for row in faces.select(PLACED).take(pa.array(at)).to_pylist()
    }
