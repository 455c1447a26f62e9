"""The shards of a job as its planning writes them, and the lists of photos that they replace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from headcount.collections.selection import LeftOut
from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.stored.jobs import (
    JobSpec,
    Limits,
    ManifestPhoto,
    ReplacedRecord,
    ShardManifest,
)
from headcount.settings import ProfileName
from headcount.storage import ObjectInfo, Store
from orchestrator.jobs.compare import State
from orchestrator.jobs.hand_drawn import PendingPhoto

REPLACED_CHUNK = 2_000
"""Keys per object that lists photos whose old rows are to be deleted."""


class Tally:
    """Counts of a plan, kept while its photos stream by."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(State, 0)
        self.left_out = LeftOut()
        self.bytes = 0
        self.reread = 0
        self.hand_drawn = 0
        self.planned = 0
        self.planned_bytes = 0
        self.shards = 0
        self.replaced_lists = 0


def cut_shards(photos: Iterable[ObjectInfo], limits: Limits) -> Iterator[tuple[ObjectInfo, ...]]:
    """Cut photos into shards of at most ``shard_photos`` and, beyond one, ``shard_bytes``."""
    shard: list[ObjectInfo] = []
    size = 0
    for photo in photos:
        full = len(shard) >= limits.shard_photos or size + photo.size > limits.shard_bytes
        if shard and full:
            yield tuple(shard)
            shard, size = [], 0
        shard.append(photo)
        size += photo.size
    if shard:
        yield tuple(shard)


def write_shards(
    shards: Iterable[tuple[ObjectInfo, ...]],
    store: Store,
    keys: JobKeys,
    tally: Tally,
    *,
    reread: bool = False,
    profile: ProfileName | None = None,
) -> None:
    """Write the manifest of each shard."""
    for shard in shards:
        unit = shard_name(tally.shards)
        photos = tuple(map(in_manifest, shard))
        manifest = ShardManifest(unit=unit, photos=photos, reread=reread, profile=profile)
        store.put(keys.shard(unit), manifest.to_bytes())
        tally.shards += 1


def in_manifest(info: ObjectInfo) -> ManifestPhoto:
    """A photo as a shard's manifest has it."""
    return ManifestPhoto(key=info.key, etag=info.etag, size=info.size, taken=info.taken)


def write_pending(
    pending: Iterable[PendingPhoto], spec: JobSpec, store: Store, keys: JobKeys, tally: Tally
) -> None:
    """Write the shards of known photos that are embedded again for faces drawn by hand."""
    by_profile: defaultdict[ProfileName, list[ObjectInfo]] = defaultdict(list)
    for one in pending:
        by_profile[one.profile].append(one.info)
    for profile, photos in sorted(by_profile.items()):
        tally.hand_drawn += len(photos)
        again = _embedded_again(iter(photos), store, keys, tally)
        shards = cut_shards(again, spec.limits)
        write_shards(shards, store, keys, tally, reread=True, profile=profile)


def reread(
    photos: Iterator[ObjectInfo], store: Store, keys: JobKeys, tally: Tally
) -> Iterator[ObjectInfo]:
    """Yield known photos of an older reading to embed anew."""
    for info in _embedded_again(photos, store, keys, tally):
        tally.reread += 1
        yield info


def _embedded_again(
    photos: Iterator[ObjectInfo], store: Store, keys: JobKeys, tally: Tally
) -> Iterator[ObjectInfo]:
    """Yield known photos to embed again; list them as those whose old rows must be deleted."""
    while some := list(islice(photos, REPLACED_CHUNK)):
        write_replaced(store, keys, [info.key for info in some], tally)
        tally.planned += len(some)
        tally.planned_bytes += sum(info.size for info in some)
        yield from some


def write_replaced(store: Store, keys: JobKeys, photos: list[str], tally: Tally) -> None:
    """Write a list of photos whose old rows must be deleted."""
    record = ReplacedRecord(photos=tuple(photos))
    store.put(keys.replaced(tally.replaced_lists), record.to_bytes())
    tally.replaced_lists += 1
