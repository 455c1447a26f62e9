"""Opening an archive by its URI, and making one by a first run."""

from __future__ import annotations

import os

from headcount import audit
from headcount.archive.archive import Archive
from headcount.archive.programs import Ended, Option, Told
from headcount.contract.layout import ARCHIVE, JOBS
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store

WITHIN_OUT = "archive/"
"""The archive of a run that was given none, in the folder of its results."""


def open_archive(uri: str | os.PathLike[str]) -> Archive:
    """Open the archive at a URI, or the one in the folder of a run's results.

    Leaves a line in the audit log, where this process may write there. Raises FatalError where
    there is no archive, or one of another version of headcount.
    """
    s3 = _read_s3()
    place = canonical_uri(os.fspath(uri))
    for found in (place, place + WITHIN_OUT):
        store = open_store(found, s3)
        if _is_archive(store):
            audit.record_reading(store, "export", "archive")
            return Archive(store, s3)
    raise FatalError(f"there is no archive in {place}: check the URI; `headcount run` makes one")


def run_photos(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    archive: str | os.PathLike[str] | None = None,
    told: Told | None = None,
    **options: Option,
) -> Ended:
    """Run ``headcount run`` to its end; the archive is ``OUT/archive`` where none is given."""
    place = canonical_uri(os.fspath(archive or f"{os.fspath(out)}/{WITHIN_OUT}"))
    s3 = _read_s3()
    return Archive(open_store(place, s3), s3).run(photos, out=out, told=told, **options)


def _is_archive(store: Store) -> bool:
    """Whether a job was ever begun here. Raises FatalError for an archive of another version."""
    if find_record(store, ARCHIVE, ArchiveRecord) is not None:
        return True
    return next(iter(store.folders(JOBS)), None) is not None


def _read_s3() -> S3Settings:
    try:
        return S3Settings()
    except ValueError as error:  # pydantic's errors are; none shows a value
        raise FatalError(f"S3 settings: {error}") from None
