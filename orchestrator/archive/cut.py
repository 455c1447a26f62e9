"""The cut of a job whose budget was spent: the shards that it leaves, and the photos in them."""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.jobs import CutRecord, ShardManifest
from headcount.storage import Store


def find_cut(store: Store, keys: JobKeys) -> CutRecord | None:
    """The job's cut; None where it leaves nothing."""
    return find_record(store, keys.cut, CutRecord)


def record_cut(store: Store, keys: JobKeys, cut: CutRecord) -> CutRecord:
    """Write the job's cut, unless it has one; return the one that holds."""
    if store.put_new(keys.cut, cut.to_bytes()):
        return cut
    return read_record(store, keys.cut, CutRecord)


class CutPhotos:
    """The photos of the shards that a job leaves; one manifest at a time is held in memory."""

    def __init__(self, store: Store, keys: JobKeys) -> None:
        self._store = store
        self._keys = keys

    @cached_property
    def units(self) -> frozenset[str]:
        """The shards that the job leaves."""
        cut = find_cut(self._store, self._keys)
        return frozenset(cut.units if cut else ())

    def among(self, photos: Set[str]) -> set[str]:
        """Those of the photos that are in a shard that the job leaves."""
        if not photos or not self.units:
            return set()
        first, last = min(photos), max(photos)
        return {
            key
            for unit, (low, high) in self._spans.items()
            if low <= last and first <= high
            for key in self._photos(unit) & photos
        }

    @cached_property
    def _spans(self) -> dict[str, tuple[str, str]]:
        """The first and the last key of each of the shards."""
        keys = ((unit, self._photos(unit)) for unit in sorted(self.units))
        return {unit: (min(photos), max(photos)) for unit, photos in keys if photos}

    def _photos(self, unit: str) -> set[str]:
        manifest = read_record(self._store, self._keys.shard(unit), ShardManifest)
        return {photo.key for photo in manifest.photos}
