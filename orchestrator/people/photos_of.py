"""The photos of one person in the latest results of every collection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.assignments.history import face_keys
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import FinishedRecord
from headcount.errors import HeadcountError, ObjectError
from headcount.export import fetch_table, scratch
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from orchestrator.people.latest_assignments import LatestAssignments, read_latest
from orchestrator.people.photo_times import photo_times


@dataclass(frozen=True, slots=True)
class PhotoOf:
    """A face of a person: its photo, what was decided, and when the photo was taken (ISO 8601).

    ``similarity`` is None where the job's results are not there any more, and ``taken`` where
    nobody knows.
    """

    collection: str
    photo: str
    face_id: str
    decision: str
    similarity: float | None
    taken: str | None

    def as_dict(self) -> dict[str, str | float | None]:
        """The fields, as JSON has them."""
        return asdict(self)


def photos_of(store: Store, person: str, s3: S3Settings) -> list[PhotoOf]:
    """The faces of a person, by id, by collection and photo; renames are followed."""
    renames = Renames.of_archive(store)
    found: list[PhotoOf] = []
    for latest in read_latest(store):
        faces = with_present_names(latest.assignments, renames)
        faces = faces.filter(pc.fill_null(pc.equal(faces["person_id"], person), False))
        if faces.num_rows:
            found += _of_collection(store, latest, faces.sort_by("photo"), s3)
    return found


def _of_collection(
    store: Store, latest: LatestAssignments, faces: pa.Table, s3: S3Settings
) -> Iterator[PhotoOf]:
    photos = faces["photo"].to_pylist()
    times = photo_times(store, latest.uri, latest.keys, photos, s3)
    similarities = _similarities(store, latest.job_id, faces, s3)
    for row, key in zip(faces.to_pylist(), face_keys(faces).to_pylist(), strict=True):
        taken = times.get(row["photo"])
        yield PhotoOf(
            latest.uri,
            row["photo"],
            row["face_id"],
            row["decision"],
            similarities.get(key),
            taken.isoformat() if taken else None,
        )


def _similarities(
    store: Store, job_id: str, faces: pa.Table, s3: S3Settings
) -> dict[str, float | None]:
    """The similarities of faces by their keys, from the job's results; none where they are gone."""
    finished = find_record(store, JobKeys(job_id).finished, FinishedRecord)
    if finished is None or not finished.out:
        return {}
    keys = face_keys(faces)
    found: dict[str, float | None] = {}
    try:
        with scratch() as folder:
            table = fetch_table(open_store(finished.out, s3), "faces.parquet", folder)
            for part in table.parts:
                theirs = face_keys(part)
                here = pc.is_in(theirs, value_set=keys)
                values = part["similarity"].filter(here).to_pylist()
                found.update(zip(theirs.filter(here).to_pylist(), values, strict=True))
    except (HeadcountError, ObjectError, KeyError):
        return {}
    return found
