from pathlib import Path

import pytest

from headcount.contract import reading
from headcount.contract.stored.jobs import ManifestPhoto
from headcount.errors import TransientError
from headcount.storage import open_store
from tests.at_once import WIDTH, AtOnce, add, begin, end
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
