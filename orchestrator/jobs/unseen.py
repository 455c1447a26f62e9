"""Shards whose photos the supervisor sees, and their workers did not."""

from __future__ import annotations

from pathlib import PurePosixPath

from headcount.collections import open_collection
from headcount.collections.places import Kind, kind_of
from headcount.contract.layout import JobKeys, is_shard
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, JobSpec, ShardManifest
from headcount.contract.vocabulary import Outcome
from headcount.errors import FatalError, ObjectError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.storage.base import Reader

LOOKED_AT = 5
"""Photos of a shard that are looked for, at most: one that is there is enough."""


def require_seen_by_workers(
    store: Store, keys: JobKeys, spec: JobSpec, missing: int, s3: S3Settings
) -> None:
    """Raise FatalError where workers saw none of a shard's photos, though they are there.

    ``missing`` are the photos that were gone when they were fetched. The shards are done again once
    the job is resumed. Rows of a list, and photos that are gone for the supervisor too, stay
    `missing`.
    """
    if not missing or spec.photos is None or kind_of(spec.photos) is not Kind.FOLDER:
        return
    collection = open_collection(spec.photos, s3, indexes=store, archives=spec.archives)
    unseen = [m for m in _all_missing(store, keys) if _is_there(store, keys, m, collection)]
    if not unseen:
        return
    for marker in unseen:
        store.delete(keys.done(marker.unit))
    workers = ", ".join(sorted({marker.worker for marker in unseen}))
    photos = sum(marker.photos for marker in unseen)
    raise FatalError(
        f"{photos:,} photos of {collection.uri} were missing for the workers that read them "
        f"({workers}), and are there for the supervisor: every worker needs them under this path. "
        f"Mount the folder there too, then `headcount resume {keys.job_id}`"
    )


def _all_missing(store: Store, keys: JobKeys) -> list[DoneMarker]:
    """Markers of the shards of which every photo was missing."""
    names = [PurePosixPath(info.key).stem for info in store.list(keys.done_folder)]
    markers = (read_record(store, keys.done(name), DoneMarker) for name in names if is_shard(name))
    return [m for m in markers if m.photos and m.outcomes == {Outcome.MISSING.value: m.photos}]


def _is_there(store: Store, keys: JobKeys, marker: DoneMarker, collection: Reader) -> bool:
    """Whether one of the shard's first photos is there for this process."""
    for photo in read_record(store, keys.shard(marker.unit), ShardManifest).photos[:LOOKED_AT]:
        try:
            collection.stat(photo.key)
        except ObjectError:
            continue
        return True
    return False
