"""Commit of a job: delete old rows of changed photos, append the fragments of all its shards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from headcount.collections.photos import collection_id
from headcount.contract.forgotten import require_none_under_way
from headcount.contract.layout import ROLLBACK, ROLLBACKS, JobKeys, PackKeys, shard_name
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.archive import CommitRecord, PackRecord, RollbackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord, ReplacedRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, quoted
from headcount.tables.sums import require_unchanged
from headcount.tables.table import Table
from orchestrator.archive.catalogue import rollback_since
from orchestrator.archive.cut import CutPhotos

LISTS_AT_ONCE = 50
"""Lists of replaced photos that are held against the shards that a job leaves at a time."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What a job's shards staged.

    ``fragments`` are by table, in the order of the commit: those of each shard, in shard order; a
    shard that the job leaves has none. ``kept`` are the photos of which no row was made, since the
    shards could not get at them: their rows in the archive stay.
    """

    fragments: Mapping[str, Sequence[Sequence[str]]]
    kept: frozenset[str]


def commit_job(
    store: Store,
    spec: JobSpec,
    plan: PlanRecord,
    pack: PackRecord,
    s3: S3Settings,
    *,
    fence: Callable[[], None] = lambda: None,
    staged: Staged | None = None,
) -> None:
    """Bring the archive's tables up to the job. Repeating it changes nothing.

    ``fence`` is called before each change, and raises where another supervisor has taken over.
    ``staged``: what the shards staged, if that was read already.
    Faces go first, so that every photo in the table has its faces.
    """
    keys, began = JobKeys(spec.job_id), time.monotonic()
    of_pack, cut = PackKeys(pack.pack_id), CutPhotos(store, keys)

    def require_ours() -> None:
        require_none_under_way(store)
        fence()

    refuse_if_rolled_back(store, spec)
    require_ours()
    _delete_left_over(store, spec, of_pack, s3)
    staged = staged or _staged(store, spec, plan, of_pack)
    for key, shards in staged.fragments.items():
        table = Table(store.uri, key, s3)
        require_ours()
        _delete_replaced(table, spec, _replaced(store, keys, plan, cut, staged.kept))
        if not _is_in(table, spec):
            _require_fitting(table, store, spec, key, shards)
            require_ours()
            table.commit(fragment for fragments in shards for fragment in fragments)
            if table.is_cut_up():  # a changed bit would be written anew
                require_unchanged(store, [key], s3)
            table.compact()
    versions = CommitRecord(
        pack_id=pack.pack_id,
        photos=Table(store.uri, of_pack.photos, s3).version,
        faces=Table(store.uri, of_pack.faces, s3).version,
        gallery=Table(store.uri, of_pack.gallery, s3).version,
        at=now(),
        seconds=time.monotonic() - began,
    )
    store.put_new(keys.commit, versions.to_bytes())


def require_staged(
    store: Store, spec: JobSpec, plan: PlanRecord, pack: PackRecord, s3: S3Settings
) -> Staged:
    """What the job's shards staged, but those that it leaves.

    Raises FatalError where something that is yet to be committed is not there any more; shards of
    which that is so are done anew when the job is resumed.
    """
    staged = _staged(store, spec, plan, PackKeys(pack.pack_id))
    for key, shards in staged.fragments.items():
        table = Table(store.uri, key, s3)
        if not _is_in(table, spec):
            _require_fitting(table, store, spec, key, shards)
    return staged


def _staged(store: Store, spec: JobSpec, plan: PlanRecord, pack: PackKeys) -> Staged:
    keys = JobKeys(spec.job_id)
    cut = CutPhotos(store, keys).units
    units = [shard_name(number) for number in range(plan.shards)]
    markers = {  # what a shard that was cut staged all the same is not committed
        unit: find_record(store, keys.done(unit), DoneMarker) for unit in units if unit not in cut
    }
    done = {unit: marker for unit, marker in markers.items() if marker is not None}
    if len(done) < len(markers):
        raise _to_be_done_anew(spec, len(markers) - len(done))
    fragments = {  # faces first
        pack.faces: [done[unit].face_fragments if unit in done else () for unit in units],
        pack.photos: [done[unit].photo_fragments if unit in done else () for unit in units],
    }
    kept = frozenset(photo for marker in done.values() for photo in marker.kept)
    return Staged(fragments, kept)


def _is_in(table: Table, spec: JobSpec) -> bool:
    return bool(table.count(f"job_id = {quoted(spec.job_id)}"))


def _require_fitting(
    table: Table, store: Store, spec: JobSpec, key: str, shards: Sequence[Sequence[str]]
) -> None:
    """Raise FatalError where a table's staged fragments are gone, or were for another table.

    Lance would append them all the same: nobody could read the table any more, or one column's
    values would be read as another's.
    """
    if not any(shards):
        return
    there = {PurePosixPath(info.key).name for info in store.list(f"{key}/data/")}
    lost = [
        number
        for number, fragments in enumerate(shards)
        if not {name for fragment in fragments for name in _files(fragment)} <= there
    ]
    lost = sorted({*lost, *table.misfits(shards)})
    for number in lost:
        store.delete(JobKeys(spec.job_id).done(shard_name(number)))
    if lost:
        raise _to_be_done_anew(spec, len(lost))


def _files(fragment: str) -> Iterator[str]:
    for file in json.loads(fragment)["files"]:
        yield PurePosixPath(file["path"]).name


def _to_be_done_anew(spec: JobSpec, shards: int) -> FatalError:
    return FatalError(
        f"what {shards} shards of job {spec.job_id} had staged is gone from the archive, as after "
        "a `forget`, or is for columns that its tables do not have any more: "
        f"`headcount resume {spec.job_id}` does them anew"
    )


def faces_in(store: Store, pack: PackRecord, s3: S3Settings) -> int:
    """Number of faces that a pack found, of all collections; quick."""
    return Table(store.uri, PackKeys(pack.pack_id).faces, s3).count()


def refuse_if_rolled_back(store: Store, spec: JobSpec) -> None:
    """Raise FatalError where the archive is being rolled back, or was since the job was created."""
    if under_way := find_record(store, ROLLBACK, RollbackRecord):
        raise FatalError(
            f"the archive is being rolled back to job {under_way.job_id}: where that was "
            f"interrupted, `headcount rollback {under_way.job_id}` ends it; then start a new job"
        )
    if record := rollback_since(store, spec):
        raise FatalError(
            f"the archive was rolled back to job {record.job_id} since job {spec.job_id} was "
            "begun: start a new job"
        )


def _delete_replaced(table: Table, spec: JobSpec, replaced: Iterator[tuple[str, ...]]) -> None:
    """Delete earlier jobs' rows of photos that changed or are gone."""
    for photos in replaced:
        table.delete(
            f"{in_collection(collection_id(spec.photos or ''))} "
            f"AND job_id != {quoted(spec.job_id)} AND {any_of('photo', photos)}"
        )


def _delete_left_over(store: Store, spec: JobSpec, pack: PackKeys, s3: S3Settings) -> None:
    """Delete faces of other jobs whose photos are not in the table.

    There are some only after a rollback to a version that another collection's job made while a
    job's faces were committed and its photos were not.
    """
    if next(iter(store.list(ROLLBACKS)), None) is None:
        return
    faces, photos = (Table(store.uri, key, s3) for key in (pack.faces, pack.photos))
    mine = in_collection(collection_id(spec.photos or ""))
    for job_id in sorted(_jobs_in(faces, mine) - _jobs_in(photos, mine) - {spec.job_id}):
        faces.delete(f"{mine} AND job_id = {quoted(job_id)}")


def _jobs_in(table: Table, where: str) -> set[str]:
    """Ids of the jobs that rows of a table came with."""
    return {
        job_id
        for batch in table.scan(["job_id"], where=where)
        for job_id in batch.column(0).unique().to_pylist()
    }


def _replaced(
    store: Store, keys: JobKeys, plan: PlanRecord, cut: CutPhotos, kept: Set[str]
) -> Iterator[tuple[str, ...]]:
    """Yield the photos whose old rows go.

    Not those of shards that the job leaves, nor those that its shards could not get at.
    """
    records = (
        read_record(store, keys.replaced(number), ReplacedRecord)
        for number in range(plan.replaced_lists)
    )
    while some := [record.photos for record in islice(records, LISTS_AT_ONCE)]:
        stay = kept | cut.among({photo for photos in some for photo in photos})
        for photos in some:
            if gone := tuple(photo for photo in photos if photo not in stay):
                yield gone
