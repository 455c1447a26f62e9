"""Planning of a rematch: the photos are those that the archive has; nothing is listed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from headcount.collections import open_collection
from headcount.collections.photos import collection_id
from headcount.contract.layout import JobKeys, PackKeys
from headcount.contract.stored.jobs import JobSpec, PlanRecord
from headcount.errors import FatalError, HeadcountError
from headcount.s3_settings import S3Settings
from headcount.storage import ObjectInfo, Store
from headcount.tables.filters import READING, in_collection
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.jobs.plan import Tally, cut_shards, last_commit, reread, write_shards
from orchestrator.jobs.reread import reading_of
from orchestrator.jobs.roster import check_roster

log = logging.getLogger(__name__)

_SIZES = pa.schema([PHOTOS.field("bytes")])


def plan_rematch(store: Store, spec: JobSpec, s3: S3Settings) -> PlanRecord:
    """Write the plan of a rematch: every photo of the archive is known. Repeating it is the same.

    Raises FatalError where the archive has no photo of the collection.
    """
    keys, tally = JobKeys(spec.job_id), Tally()
    photos = Table(store.uri, PackKeys(spec.rematch or "").photos, s3)
    mine = in_collection(collection_id(spec.photos or ""))
    sizes = [pc.sum(batch.column(0)).as_py() or 0 for batch in photos.scan(_SIZES, where=mine)]
    count = photos.count(mine)
    if not count:
        raise FatalError(f"the archive has no photos of {spec.photos}: `headcount run` first")
    if spec.expected is not None:
        check_roster(spec.expected, s3, count, lambda: _keys(photos, mine))
    after = last_commit(store, spec)
    again = reread(
        _within_reach(pending_photos(store, spec, s3), store, spec, s3), store, keys, tally
    )
    write_shards(cut_shards(again, spec.limits), store, keys, tally, reread=True)
    plan = PlanRecord(
        photos=count,
        bytes=sum(sizes),
        other_objects=0,
        new=0,
        changed=0,
        known=count,
        removed=0,
        shards=tally.shards,
        replaced_lists=tally.replaced_lists,
        after=after,
        planned_photos=tally.planned,
        planned_bytes=tally.planned_bytes,
        older_reading=photos.count(f"{mine} AND {READING} < {reading_of(store, spec)}"),
        reread=tally.reread,
    )
    store.put(keys.plan, plan.to_bytes())
    return plan


def pending_photos(store: Store, spec: JobSpec, s3: S3Settings) -> Iterator[ObjectInfo]:  # noqa: ARG001
    """Yield the known photos that a rematch embeds all the same, in the order of their keys.

    There are none yet. Photos with faces that were drawn by hand, and that have no row so far, are
    to be among them.
    """
    return iter(())


def _within_reach(
    photos: Iterator[ObjectInfo], store: Store, spec: JobSpec, s3: S3Settings
) -> Iterator[ObjectInfo]:
    """Yield the photos; none where the collection cannot be reached: they stay pending."""
    first = next(photos, None)
    if first is None:
        return
    try:
        open_collection(spec.photos or "", s3, indexes=store, archives=spec.archives).check()
    except HeadcountError as error:
        log.warning("photos of %s are left to a later job: %s", spec.photos, error)
        return
    yield first
    yield from photos


def _keys(photos: Table, mine: str) -> Iterator[pa.Array]:
    """The keys of the collection's photos."""
    for batch in photos.scan(["photo"], where=mine, order_by=["photo"]):
        yield batch.column(0)
