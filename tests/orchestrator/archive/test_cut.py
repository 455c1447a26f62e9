"""A cut: written once, and the photos of the shards that it names."""

import pytest

from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import now
from headcount.contract.stored.jobs import CutRecord, ManifestPhoto, ShardManifest
from headcount.storage.memory import MemoryStore
from orchestrator.archive.cut import CutPhotos, find_cut, record_cut

KEYS = JobKeys("job")


def cut(*numbers: int) -> CutRecord:
    units = tuple(shard_name(number) for number in numbers)
    return CutRecord(at=now(), reason="late", units=units, photos=len(units))


@pytest.fixture
def store() -> MemoryStore:
    """A job of four shards, whose last ones are not in the order of their keys."""
    store = MemoryStore()
    for number, keys in enumerate(("ab", "cd", "ef", "bx")):
        photos = tuple(ManifestPhoto(key=key, etag="", size=1) for key in keys)
        manifest = ShardManifest(unit=shard_name(number), photos=photos)
        store.put(KEYS.shard(shard_name(number)), manifest.to_bytes())
    return store


def test_the_first_cut_holds(store: MemoryStore) -> None:
    first, second = cut(1), cut(1, 2)
    assert record_cut(store, KEYS, first) == first
    assert record_cut(store, KEYS, second) == first == find_cut(store, KEYS)


def test_only_photos_of_shards_that_were_cut_stay_as_they_are(store: MemoryStore) -> None:
    record_cut(store, KEYS, cut(1, 3))
    assert CutPhotos(store, KEYS).among({"a", "b", "c", "cc", "e", "x"}) == {"b", "c", "x"}
    assert CutPhotos(store, KEYS).among({"e", "f"}) == set()
    assert CutPhotos(store, KEYS).among(set()) == set()


def test_a_job_that_was_not_cut_leaves_no_photo(store: MemoryStore) -> None:
    assert CutPhotos(store, KEYS).among({"a", "b"}) == set()
