"""Planning of a rematch: the photos are those that the archive has; nothing is listed.

Only photos with faces that were drawn by hand since, or are drawn no more, are embedded.
"""

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
from headcount.storage import Store
from headcount.tables.filters import READING, in_collection
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.jobs.hand_drawn import pending_photos
from orchestrator.jobs.plan import last_commit
from orchestrator.jobs.reread import reading_of
from orchestrator.jobs.roster import check_roster
from orchestrator.jobs.shards import Tally, write_pending

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
    pending = pending_photos(store, spec, s3, spec.rematch)
    if pending and _within_reach(store, spec, s3):
        write_pending(pending.values(), spec, store, keys, tally)
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
        hand_drawn=tally.hand_drawn,
    )
    store.put(keys.plan, plan.to_bytes())
    return plan


def _within_reach(store: Store, spec: JobSpec, s3: S3Settings) -> bool:
    """Whether the collection can be reached; its photos stay pending if not."""
    try:
        open_collection(spec.photos or "", s3, indexes=store, archives=spec.archives).check()
    except HeadcountError as error:
        log.warning("photos of %s are left to a later job: %s", spec.photos, error)
        return False
    return True


def _keys(photos: Table, mine: str) -> Iterator[pa.Array]:
    """The keys of the collection's photos."""
    for batch in photos.scan(["photo"], where=mine, order_by=["photo"]):
        yield batch.column(0)
