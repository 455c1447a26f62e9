from pathlib import Path

import pytest

from headcount.contract import reading
from headcount.contract.forgotten import ForgottenRecord, Place, tombstone_key, tombstones
from headcount.contract.newest_reading import newest_reading
from headcount.contract.record import now, read_record
from headcount.storage import open_store
from tests.at_once import AtOnce, add, begin, end
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables
from workers.stages.new_reading import begin_reading


def test_a_newer_worker_makes_an_archive_ready_that_an_older_one_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = AtOnce()
    spec = begin(add(tmp_path / "photos", one="ada"), tmp_path / "archive", "1")
    end(spec, broker)
    unit = Unit(broker.context, open_store(spec.archive), spec.job_id, "embed-0000001")
    [content] = job_tables(unit).photos.read(["content"])["content"].to_pylist()
    places = tuple(Place(content=c, box=(10, 10, 80, 80)) for c in (content, "gone"))
    stone = ForgottenRecord(person_id="p1", at=now(), state="done", places=places)
    unit.store.put(tombstone_key("p1"), stone.to_bytes())
    unit.began_with = tombstones(unit.store)
    begin_reading(unit)
    assert newest_reading(unit.store, unit.pack_keys) == 1
    monkeypatch.setattr(reading, "READING", 2)
    for _ in range(2):
        begin_reading(unit)
        assert newest_reading(unit.store, unit.pack_keys) == 2
        kept = read_record(unit.store, tombstone_key("p1"), ForgottenRecord).places
        assert [place.frame for place in kept] == [(900, 600, 1), (0, 0, 0)]
        unit.confirm()  # it may go on: nobody else was forgotten
