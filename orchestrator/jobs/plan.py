"""Planning: find the photos that are new or changed since the last job, and cut them into shards.

Everything streams: the listing and the archive's photos, both in key order, are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from urllib.parse import unquote

import pyarrow as pa

from headcount.collections import counts_as_photo, open_collection
from headcount.collections.indexed import said_taken
from headcount.collections.leftovers import left_out_line
from headcount.collections.photos import collection_id
from headcount.collections.places import Kind, kind_of
from headcount.collections.selection import LeftOut, Selection
from headcount.contract.layout import ARCHIVE, PREPARE, JobKeys, PackKeys, commit_key
from headcount.contract.reading import FIRST
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord, LastCommitRecord
from headcount.contract.stored.jobs import (
    DoneMarker,
    JobSpec,
    PlanRecord,
)
from headcount.contract.vocabulary import Outcome
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import ObjectInfo, Store
from headcount.storage.base import Reader
from headcount.tables.filters import in_collection
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.jobs.compare import Known, Settled, State, compare, ignore
from orchestrator.jobs.first_look import draw
from orchestrator.jobs.hand_drawn import Redrawing, pending_photos
from orchestrator.jobs.reread import Rereading, rereading
from orchestrator.jobs.roster import check_roster
from orchestrator.jobs.shards import (
    REPLACED_CHUNK,
    Tally,
    cut_shards,
    reread,
    write_pending,
    write_replaced,
    write_shards,
)

KEYS_AT_ONCE = 1 << 16
"""Keys that are held against a roster at a time."""
_KNOWN = pa.schema(
    [PHOTOS.field(name) for name in ("photo", "etag", "bytes", "outcome", "profile", "reading")]
)


def retried(
    known: Iterable[Known],
    outcomes: Collection[Outcome],
    tally: Tally,
    settled: Settled = ignore,
    taken: Callable[[str], str] = lambda _: "",
) -> Iterator[tuple[State, ObjectInfo]]:
    """Yield each photo of the archive: changed if it has one of ``outcomes``, else known.

    ``taken`` gives what a list says of when the photo of a key was taken.
    """
    for have in known:
        tally.bytes += have.info.size
        again = have.outcome in outcomes
        if not again:
            settled(have)
            yield State.KNOWN, have.info
        else:
            yield State.CHANGED, replace(have.info, taken=taken(have.info.key))


def plan_job(
    store: Store, spec: JobSpec, s3: S3Settings, *, pack_id: str | None = None
) -> PlanRecord:
    """Write the job's shard manifests and, last, its plan. Repeating it gives the same.

    ``pack_id``: the pack it will embed with, if its first unit has not recorded that yet.
    Raises FatalError where the collection is not there or holds no photo.
    """
    if spec.photos is None:
        raise FatalError("this job only enrols people: there is nothing to plan")
    keys = JobKeys(spec.job_id)
    tally = Tally()
    after = last_commit(store, spec)
    pack_id = pack_id or pack_id_of(store, spec)
    with rereading(store, spec, pack_id) as old:
        drawn = Redrawing(pending_photos(store, spec, s3, pack_id), old.offer)
        states = states_of(store, spec, s3, tally, pack_id=pack_id, settled=drawn.offer)
        states = _counted(states, tally)
        if spec.first is not None:
            states = draw(store, spec, s3, (one for one in states if one[0] is not State.REMOVED))
        planned = _changed(states, store, keys, tally)
        write_shards(cut_shards(planned, spec.limits), store, keys, tally)
        write_pending(drawn.found, spec, store, keys, tally)
        again = reread(old.chosen(), store, keys, tally)
        write_shards(cut_shards(again, spec.limits), store, keys, tally, reread=True)
    plan = _record(tally, old, after)
    if not plan.photos and spec.retries:
        raise FatalError(
            f"the archive has no photos of {spec.photos} yet, so there is nothing to try again: "
            "`headcount resume` goes on with a job that did not end"
        )
    if not plan.photos:
        raise FatalError(_nothing_found(spec.photos, tally.left_out))
    if spec.expected is not None:
        check_roster(
            spec.expected,
            s3,
            plan.photos,
            lambda: _keys(states_of(store, spec, s3, Tally(), pack_id=pack_id)),
        )
    store.put(keys.plan, plan.to_bytes())
    return plan


def _keys(states: Iterable[tuple[State, ObjectInfo]]) -> Iterator[pa.Array]:
    """The keys of a collection's photos, KEYS_AT_ONCE in each array."""
    keys = (info.key for state, info in states if state is not State.REMOVED)
    while some := list(islice(keys, KEYS_AT_ONCE)):
        yield pa.array(some, pa.string())


def states_of(
    store: Store,
    spec: JobSpec,
    s3: S3Settings,
    tally: Tally,
    *,
    pack_id: str | None = None,
    settled: Settled = ignore,
) -> Iterator[tuple[State, ObjectInfo]]:
    """Yield each photo of the job's collection with its state; count other objects in ``tally``."""
    known = _known(store, spec, s3, pack_id or pack_id_of(store, spec))
    collection = open_collection(spec.photos or "", s3, indexes=store, archives=spec.archives)
    if spec.retries:
        return retried(known, spec.retries, tally, settled, partial(said_taken, collection))
    return compare(_photos_of(collection, spec, tally), known, spec.profile, settled)


def _nothing_found(uri: str, found: LeftOut) -> str:
    hint = "check the path"
    if found.containers:
        hint = (
            f"it holds {found.containers:,} tar or ZIP files; to take the photos in them, say "
            "--archives"
        )
    elif found.by_rule:
        hint = f"{left_out_line(found.by_rule)}; --include lets them in"
    elif found.others:
        hint = (
            f"it holds {found.others:,} other objects; if these are images without the usual "
            "suffix, say --all-objects"
        )
    return f"no photos found in {uri}: {hint}"


def _photos_of(collection: Reader, spec: JobSpec, tally: Tally) -> Iterator[ObjectInfo]:
    uri = spec.photos or ""
    own = (_key_below(collection.uri, place) for place in (spec.out, spec.archive))
    selection = Selection(
        collection,
        counts=lambda key: counts_as_photo(
            key, uri, archives=spec.archives, all_objects=spec.all_objects
        ),
        include=spec.include,
        exclude=spec.exclude,
        never=tuple(filter(None, own)),
        listed=kind_of(uri) is Kind.MANIFEST,
    )
    for info in selection.photos(tally.left_out):
        tally.bytes += info.size
        yield info


def _key_below(collection: str, uri: str) -> str:
    """Key prefix of ``uri`` in a collection; empty where it is not inside."""
    if not uri.startswith(collection):
        return ""
    rest = uri[len(collection) :]
    return rest if collection.startswith("s3://") else unquote(rest)


def _known(store: Store, spec: JobSpec, s3: S3Settings, pack_id: str | None) -> Iterator[Known]:
    if pack_id is None or spec.photos is None:
        return
    table = Table(store.uri, PackKeys(pack_id).photos, s3)
    if not table.exists():
        return
    collection = in_collection(collection_id(spec.photos))
    for batch in table.scan(_KNOWN, where=collection, order_by=["photo"]):
        for photo, etag, size, outcome, profile, reading in zip(
            *(column.to_pylist() for column in batch.columns), strict=True
        ):
            info = ObjectInfo(photo, etag, size)
            yield Known(info, Outcome(outcome), profile, FIRST if reading is None else reading)


def pack_id_of(store: Store, spec: JobSpec) -> str | None:
    """Id of the pack a job embeds with: as its first unit found, else the archive's pack in use."""
    prepared = find_record(store, JobKeys(spec.job_id).done(PREPARE), DoneMarker)
    if prepared is not None and prepared.pack is not None:
        return prepared.pack.pack_id
    archive = find_record(store, ARCHIVE, ArchiveRecord)
    return archive.model.pack_id if archive else None


def _counted(
    states: Iterable[tuple[State, ObjectInfo]], tally: Tally
) -> Iterator[tuple[State, ObjectInfo]]:
    """Yield the photos as they are, and count their states."""
    for state, info in states:
        tally.states[state] += 1
        yield state, info


def _changed(
    states: Iterable[tuple[State, ObjectInfo]], store: Store, keys: JobKeys, tally: Tally
) -> Iterator[ObjectInfo]:
    """Yield the photos to embed; meanwhile write lists of keys whose old rows must be deleted."""
    replaced: list[str] = []
    for state, info in states:
        if state in (State.CHANGED, State.REMOVED):
            replaced.append(info.key)
            if len(replaced) == REPLACED_CHUNK:
                write_replaced(store, keys, replaced, tally)
                replaced = []
        if state in (State.NEW, State.CHANGED):
            tally.planned += 1
            tally.planned_bytes += info.size
            yield info
    if replaced:
        write_replaced(store, keys, replaced, tally)


def last_commit(store: Store, spec: JobSpec) -> str:
    """Id of the job that last committed this collection; empty if none, or it was cut off."""
    record = find_record(store, commit_key(collection_id(spec.photos or "")), LastCommitRecord)
    return record.job_id if record and record.made else ""


def _record(tally: Tally, old: Rereading, after: str) -> PlanRecord:
    states = tally.states
    return PlanRecord(
        photos=states[State.NEW] + states[State.CHANGED] + states[State.KNOWN],
        bytes=tally.bytes,
        other_objects=tally.left_out.others,
        other_suffixes=dict(tally.left_out.suffixes.most_common()),
        left_out=dict(tally.left_out.by_rule.most_common()),
        new=states[State.NEW],
        changed=states[State.CHANGED],
        known=states[State.KNOWN],
        removed=states[State.REMOVED],
        shards=tally.shards,
        replaced_lists=tally.replaced_lists,
        after=after,
        planned_photos=tally.planned,
        planned_bytes=tally.planned_bytes,
        older_reading=old.older,
        reread=tally.reread,
        hand_drawn=tally.hand_drawn,
    )
