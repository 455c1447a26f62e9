from datetime import UTC, datetime
from pathlib import Path

import pytest

from headcount.contract import reading
from headcount.contract.forgotten import ForgottenRecord, tombstone_key
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import ManifestPhoto, ShardManifest
from headcount.contract.vocabulary import person_id
from headcount.errors import TransientError
from headcount.storage import open_store
from tests.at_once import WIDTH, AtOnce, add, begin, end
from tests.packets import listed, packet
from workers.runtime.unit import Unit
from workers.stages.duplicates import as_photo, copied_faces, find_duplicates
from workers.stages.embed import embed_shard
from workers.stages.job_tables import job_tables


def test_faces_are_copied_of_the_very_photo_that_was_found_alike_or_not_at_all(
    tmp_path: Path,
) -> None:
    photos, archive, broker = add(tmp_path / "photos", one="ada bob"), tmp_path / "a", AtOnce()
    first = begin(photos, archive, "1")
    end(first, broker)
    unit = Unit(broker.context, open_store(first.archive), first.job_id, "embed-0000000")
    tables = job_tables(unit)
    [duplicate] = find_duplicates(
        tables.photos, [ManifestPhoto(key="copy.jpg", etag="", size=7)], first.profile
    ).values()
    copies = [(as_photo(duplicate, ManifestPhoto(key="copy.jpg", etag="", size=7), ""), duplicate)]

    def copied() -> list[str]:
        rows = copied_faces(tables.faces, copies, "another", first, width=WIDTH)
        return rows["photo"].to_pylist()

    assert copied() == ["copy.jpg"] * 2
    add(photos, one="cleo dora")
    end(begin(photos, archive, "2"), broker)
    with pytest.raises(TransientError, match=r"one\.jpg .* meanwhile"):
        copied()


def test_a_shard_that_is_done_again_copies_nothing(tmp_path: Path) -> None:
    photos, archive, broker = add(tmp_path / "photos", one="ada bob"), tmp_path / "a", AtOnce()
    spec = begin(photos, archive, "1")
    end(spec, broker)
    unit = Unit(broker.context, open_store(spec.archive), spec.job_id, "embed-0000000")
    for attempt, copied in ((1, 1), (2, 0)):
        unit.attempt = attempt
        assert embed_shard(unit).counts["copied"] == copied


def test_a_photo_keeps_its_reading_unless_it_is_to_be_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, archive, broker = add(tmp_path / "photos", one="ada bob"), tmp_path / "a", AtOnce()
    spec = begin(photos, archive, "1")
    end(spec, broker)
    unit = Unit(broker.context, open_store(spec.archive), spec.job_id, "embed-0000000")
    table = job_tables(unit).photos
    asked = [ManifestPhoto(key="copy.jpg", etag="", size=7)]

    def found(reread: bool = False) -> list[int]:
        duplicates = find_duplicates(table, asked, spec.profile, reread=reread)
        return [duplicate.photo.reading for duplicate in duplicates.values()]

    assert found() == [1]
    table.update({"reading": "NULL"}, "true")  # as rows from before readings were kept
    assert found() == [1]
    assert found(reread=True) == [1]
    monkeypatch.setattr(reading, "READING", 2)
    assert (found(), found(reread=True)) == ([1], [])
    table.update({"reading": "2"}, "true")
    assert (found(), found(reread=True)) == ([2], [2])


def test_a_copy_has_the_time_of_its_own_name_and_nobody_who_was_forgotten(tmp_path: Path) -> None:
    photos, broker = tmp_path / "photos", AtOnce()
    add(photos, IMG_20190704_153012=webp_of(packet(listed("dc:subject", "Ann", "beach"))).decode())
    spec = begin(photos, tmp_path / "a", "1")
    end(spec, broker)
    unit = Unit(broker.context, open_store(spec.archive), spec.job_id, "embed-0000000")
    table = job_tables(unit).photos
    assert table.read(["taken"])["taken"].to_pylist() == [None]  # no worker that reads metadata
    (photos / "IMG_20190704_153012.jpg").rename(photos / "2020-01-01.jpg")
    manifest = read_record(unit.store, unit.keys.shard(unit.name), ShardManifest)
    moved = tuple(photo.model_copy(update={"key": "2020-01-01.jpg"}) for photo in manifest.photos)
    renamed = manifest.model_copy(update={"photos": moved})
    unit.store.put(unit.keys.shard(unit.name), renamed.to_bytes())

    def copied() -> tuple[datetime, str, str]:
        marker = embed_shard(unit)
        assert marker.counts["copied"] == 1
        before = table.version
        table.commit(marker.photo_fragments)
        row = table.read(["taken", "taken_source", "carried"]).to_pylist()[-1]
        table.restore(before)
        return tuple(row.values())  # type: ignore[return-value]

    at = datetime(2020, 1, 1)
    assert copied() == (at, "file name", '{"keywords":{"dc:subject":["Ann","beach"]}}')
    ann = ForgottenRecord(person_id=person_id("Ann"), at=datetime.now(UTC), state="done")
    unit.store.put(tombstone_key(ann.person_id), ann.to_bytes())
    assert copied() == (at, "file name", '{"keywords":{"dc:subject":["beach"]}}')


def webp_of(packet: bytes) -> bytes:
    """A file of letters alone that a reader of WebP finds XMP in."""
    packet += b" " * (-len(packet) % 256)
    return b"RIFF0000WEBPXMP " + len(packet).to_bytes(4, "little") + packet
