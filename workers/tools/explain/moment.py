"""Moment: what a job decided by, as the archive has it: faces, references, answers, figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.answers.kept import in_order, read_objects
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from headcount.answers.taken import taken_by
from headcount.assignments import history
from headcount.assignments.expectations import read_expectations
from headcount.contract.columns import FACES, PHOTOS
from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import PREPARE, REDUCE, JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import CalibrationRecord, CommitRecord, PackRecord
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec, SplitRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, parts
from headcount.tables.table import Table
from headcount.tables.versions import version_times
from workers.identity.apply_answers import Answers
from workers.identity.hand_names import hand_names
from workers.identity.load_answers import load_answers
from workers.matching.match import ReferenceMatrix
from workers.people.gallery import Gallery, load_gallery
from workers.stages.assign import applied_threshold
from workers.tables.embeddings import Embeddings
from workers.tables.faces import DESCRIPTOR, FACE_COLUMNS
from workers.tables.faces import in_order as sorted_by_photo
from workers.tables.pack_tables import PackTables
from workers.tables.rows import stored_matrix

READ = (*FACE_COLUMNS, "pass", "job_id")
"""Columns of a face that an explanation goes by."""
PLACED = ("photo", "face_id", "x", "y", "w", "h")
"""Columns by which answers find their faces."""
CLUSTERED = ("photo", "face_id", "cluster_id")
"""Columns of a job's assignments that are gone by: its decisions and names are not looked at."""
PHOTO = (
    *("photo", "bytes", "width", "height", "orientation", "outcome", "reason", "faces", "content"),
    *("reading", "profile", "taken", "taken_source"),
)

PRUNED = (
    "The references as this job had them are not kept any more; it is compared with those of now."
)
MEASURED_SINCE = (
    "Thresholds were measured and kept after this job; the model pack's own are taken for those "
    "that it went by."
)
NOT_TAKEN = "This job did not note which answers it took in; those given before its end are taken."


@dataclass(frozen=True)
class Moment:
    """The latest job of one collection under one pack, and all that its decisions follow from."""

    store: Store
    tables: PackTables
    job_id: str
    spec: JobSpec
    pack: PackRecord
    ended: datetime
    s3: S3Settings = field(repr=False)

    @classmethod
    def of(cls, store: Store, pack: PackRecord, job_id: str) -> Moment:
        """The moment of a job. Raises FatalError where its records are gone."""
        keys, s3 = JobKeys(job_id), S3Settings()
        spec = find_record(store, keys.spec, JobSpec)
        if spec is None or spec.photos is None:
            raise FatalError(
                f"the records of job {job_id} are gone: its decisions cannot be explained"
            )
        prepared = find_record(store, keys.done(PREPARE), DoneMarker)
        finished = find_record(store, keys.finished, FinishedRecord)
        record = prepared.pack if prepared and prepared.pack else pack
        tables = PackTables(store, PackKeys(record.pack_id), spec.photos, s3)
        ended = finished.finished if finished else spec.created
        return cls(store, tables, job_id, spec, record, ended, s3)

    # -- what it had -------------------------------------------------------------------------------

    @cached_property
    def clusters(self) -> pa.Table:
        """The cluster of each face, null for those in none: CLUSTERED."""
        return self.assignments.select(CLUSTERED)

    @cached_property
    def clustered(self) -> int:
        """The number of faces in clusters."""
        return len(self.clusters) - int(self.clusters["cluster_id"].null_count)

    @cached_property
    def assignments(self) -> pa.Table:
        """The job's assignments. No decision is explained by them; they list a person's faces."""
        return history.read_assignments(
            self.store, self.tables.keys, self.tables.collection, self.job_id
        )

    @cached_property
    def faces(self) -> Table:
        """The table of faces, as it was after the job's commit where that is still kept."""
        return self._after_commit(self.tables.faces, "faces")

    @cached_property
    def photos(self) -> Table:
        """The table of photos, likewise."""
        return self._after_commit(self.tables.photos, "photos")

    def _after_commit(self, table: Table, name: str) -> Table:
        commit = find_record(self.store, JobKeys(self.job_id).commit, CommitRecord)
        version = None if commit is None else int(getattr(commit, name))
        return table.at(version) if version is not None and table.has(version) else table

    @cached_property
    def gallery_version(self) -> int | None:
        """The version of the references that the job matched with; None where it is gone."""
        keys, table = JobKeys(self.job_id), self.tables.gallery
        done = find_record(self.store, keys.done(REDUCE), DoneMarker)
        version = done.gallery_version if done is not None else None
        if version is None:  # of an earlier build
            split = find_record(self.store, keys.split, SplitRecord)
            version = None if split is None else split.gallery_version
        if version is None:
            before = [n for n, at in version_times(table).items() if at <= self.ended]
            version = max(before, default=None)
        return version if version is not None and table.has(version) else None

    @cached_property
    def gallery(self) -> Gallery:
        """The references that the job matched with."""
        version, table = self.gallery_version, self.tables.gallery
        return load_gallery(
            table if version is None else table.at(version),
            forgotten=forgotten_people(self.store),
            cosine_per_decade=self.pack.cosine_per_decade,
            renames=self._renames,
        )

    @cached_property
    def references(self) -> ReferenceMatrix:
        """The gallery, and the means of people, as they are compared."""
        return ReferenceMatrix.of(self.gallery)

    # -- figures -----------------------------------------------------------------------------------

    @cached_property
    def calibration(self) -> CalibrationRecord | None:
        """The thresholds measured on this archive that the job went by; None for the pack's own."""
        kept = find_record(self.store, self.tables.keys.calibration, CalibrationRecord)
        counts = kept is not None and kept.scale == "evidence" and kept.made <= self.ended
        return kept if counts else None

    @property
    def figures(self) -> PackRecord:
        """The pack's figures, with those measured on this archive where the job went by them."""
        return self.pack if self.calibration is None else self.calibration.applied(self.pack)

    @cached_property
    def threshold(self) -> float:
        """The evidence from which on the job matched a face."""
        return applied_threshold(self.gallery, self.figures, self.spec.false_positives)

    # -- answers -----------------------------------------------------------------------------------

    @cached_property
    def said(self) -> list[Answer]:
        """The answers that the job took in, undone ones too, in order."""
        taken = taken_by(self.store, self.job_id)
        return in_order(
            answer
            for key, answers in read_objects(self.store)
            for answer in answers
            if (key in taken if taken is not None else _recorded(answer) <= self.ended)
        )

    @cached_property
    def answers(self) -> Answers:
        """The answers that held, with the faces that each meant in this collection."""
        if not self.said:
            return Answers()
        batches = self.faces.scan(PLACED, where=self.tables.of_collection)
        stored = FACES.stored()
        schema = pa.schema([stored.field(name) for name in PLACED])
        placed = pa.Table.from_batches([b.cast(schema) for b in batches], schema=schema)
        return load_answers(self.tables, placed, self._split_renames, self.said)

    @cached_property
    def by_hand(self) -> dict[str, str]:
        """The person whose name each face was given by a person and still had, by face id."""
        if not self.said:
            return {}
        return hand_names(self.answers, self.clusters)

    @cached_property
    def _split_renames(self) -> Renames | None:
        split = find_record(self.store, JobKeys(self.job_id).split, SplitRecord)
        return None if split is None else Renames.from_items(split.renames)

    @property
    def _renames(self) -> Renames:
        return self.answers.renames

    @cached_property
    def expectations(self) -> pa.Table:
        """Who was expected where, as the job kept it; its statuses are not looked at."""
        kept = read_expectations(self.store, self.tables.keys, self.tables.collection, self.job_id)
        return kept.drop_columns(["status"])

    def faces_of(self, person_id: str) -> pa.Table:
        """The assignments of the faces that the job gave a person's name."""
        return self.assignments.filter(pc.equal(self.assignments["person_id"], person_id))

    # -- rows --------------------------------------------------------------------------------------

    def read(self, photos: Collection[str]) -> tuple[pa.Table, Embeddings]:
        """The faces of photos with their embeddings, sorted by photo, then left to right."""
        stored = FACES.stored(self.pack.dimensions)
        schema = pa.schema([stored.field(name) for name in (*READ, DESCRIPTOR)])
        batches = [
            batch
            for part in parts(sorted(photos))
            for batch in self.faces.scan(
                schema, where=f"{self.tables.of_collection} AND {any_of('photo', part)}"
            )
        ]
        found = pa.Table.from_batches(batches, schema=schema)
        matrix = np.zeros((0, self.pack.dimensions), np.float16)
        if batches:
            matrix = np.concatenate([stored_matrix(batch.column(DESCRIPTOR)) for batch in batches])
        faces, order = sorted_by_photo(found.drop_columns([DESCRIPTOR]))
        return faces, Embeddings(matrix, order)

    def photo(self, key: str) -> dict[str, object] | None:
        """The row of a photo; None where the archive has none."""
        stored = PHOTOS.stored()
        schema = pa.schema([stored.field(name) for name in PHOTO])
        where = f"{self.tables.of_collection} AND {any_of('photo', [key])}"
        rows = [row for batch in self.photos.scan(schema, where=where) for row in batch.to_pylist()]
        return rows[-1] if rows else None

    def of_clusters(self, clusters: pa.Array) -> NDArray[np.bool_]:
        """Mask of the rows of ``clusters`` that are in one of these clusters."""
        inside = pc.is_in(self.clusters["cluster_id"], value_set=clusters.drop_null())
        return np.asarray(pc.fill_null(inside, False).to_numpy())

    def notes(self) -> Iterator[str]:
        """What is not as the job had it, in sentences."""
        if self.gallery_version is None:
            yield PRUNED
        kept = find_record(self.store, self.tables.keys.calibration, CalibrationRecord)
        if kept is not None and kept.made > self.ended:
            yield MEASURED_SINCE
        if taken_by(self.store, self.job_id) is None and self.said:
            yield NOT_TAKEN


def _recorded(answer: Answer) -> datetime:
    return answer.recorded or answer.at
