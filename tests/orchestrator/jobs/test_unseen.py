"""Shards all of whose photos were missing: an error only where the supervisor sees them."""

from pathlib import Path

import pytest

from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import now
from headcount.contract.stored.jobs import DoneMarker, JobSpec, ManifestPhoto, ShardManifest
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.unseen import require_seen_by_workers

KEYS = JobKeys("job")
UNITS = [shard_name(0), shard_name(1)]


def spec_of(photos: Path) -> JobSpec:
    limits = dict.fromkeys(("max_bytes", "max_pixels", "shard_photos", "shard_bytes"), 1)
    return JobSpec.model_validate(
        {"job_id": KEYS.job_id, "created": now(), "archive": "s3://a/", "out": "s3://a/"}
        | {"photos": canonical(photos), "model": "embedded", "limits": limits}
    )


def canonical(path: Path) -> str:
    return f"file://{path}" + ("" if path.suffix else "/")


def archive(*missing: int) -> MemoryStore:
    """A job of two shards of two photos; gives how many of each were missing."""
    store = MemoryStore()
    for unit, number in zip(UNITS, missing, strict=True):
        photos = tuple(ManifestPhoto(key=f"{unit}-{n}.jpg", etag="e", size=1) for n in range(2))
        store.put(KEYS.shard(unit), ShardManifest(unit=unit, photos=photos).to_bytes())
        outcomes = {"missing": number, "faces": 2 - number}
        outcomes = {outcome: count for outcome, count in outcomes.items() if count}
        marker = DoneMarker(
            unit=unit, attempt=1, worker=f"w-{unit}", seconds=1, photos=2, outcomes=outcomes
        )
        store.put(KEYS.done(unit), marker.to_bytes())
    return store


def check(store: MemoryStore, photos: Path, missing: int = 2) -> None:
    require_seen_by_workers(store, KEYS, spec_of(photos), missing, S3Settings())


def done(store: MemoryStore) -> list[str]:
    return [info.key for info in store.list(KEYS.done_folder)]


def test_a_shard_whose_photos_are_there_for_the_supervisor_is_named_and_done_again(
    tmp_path: Path,
) -> None:
    (tmp_path / f"{UNITS[1]}-1.jpg").write_bytes(b"x")
    store = archive(1, 2)
    with pytest.raises(FatalError, match=f"2 photos of file://.* \\(w-{UNITS[1]}\\)"):
        check(store, tmp_path, 3)
    assert done(store) == [KEYS.done(UNITS[0])]


def test_photos_that_are_gone_for_the_supervisor_too_are_missing(tmp_path: Path) -> None:
    store = archive(2, 2)
    check(store, tmp_path, 4)
    assert len(done(store)) == 2


def test_a_shard_of_which_a_part_is_missing_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / f"{UNITS[0]}-0.jpg").write_bytes(b"x")
    check(archive(1, 1), tmp_path)


def test_rows_of_a_list_are_missing_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("photo\n")
    check(archive(2, 2), tmp_path / "list.csv", 4)
