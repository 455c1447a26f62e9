import hashlib
from pathlib import Path

import numpy as np
import pytest

from headcount.collections.photos import Reference
from headcount.contract import reading
from headcount.contract.layout import PREPARE
from headcount.contract.record import read_record
from headcount.contract.stored.archive import ReadingRecord
from headcount.contract.stored.jobs import ManifestPhoto, ShardManifest
from headcount.contract.stored.references import ReferenceReport
from headcount.errors import FatalError
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.jobs.submit import make_spec
from tests.at_once import AtOnce, add
from workers.people.reference_photo import Enrolled
from workers.runtime.unit import Unit
from workers.stages import prepare
from workers.stages.embed import embed_shard
from workers.stages.job_tables import job_tables
from workers.stages.prepare import prepare_job


def enrolled(reference: Reference, source: Store, **_: object) -> Enrolled:
    """A face that each reading sees otherwise."""
    data = source.get(reference.photo.key)
    report = ReferenceReport(
        person=reference.person, photo=reference.photo.key, state="enrolled", box=(0, 0, 9, 9)
    )
    embedding = np.eye(128, dtype=np.float32)[reading.READING]
    content = hashlib.sha256(data.data).hexdigest()
    return Enrolled(reference, report, 0.9, embedding, data.etag, content)


def unit_of(folder: Path, people: Path | None = None, name: str = PREPARE) -> Unit:
    spec = make_spec(
        photos=str(add(folder / "photos", a="ada")),
        people=str(people) if people else None,
        archive=str(folder / "archive"),
        out=None,
        settings=Settings(),
    )
    unit = Unit(AtOnce().context, open_store(spec.archive), spec.job_id, name)
    unit.store.put(unit.keys.spec, spec.to_bytes())
    return unit


def test_the_newest_reading_is_kept_before_rows_of_it_are_written_and_never_lowered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = unit_of(tmp_path)
    assert prepare_job(unit).reading == 1
    assert list(unit.store.list(unit.pack_keys.reading)) == [], "the first reading leaves no record"
    monkeypatch.setattr(reading, "READING", 3)
    assert prepare_job(unit_of(tmp_path)).reading == 3
    assert read_record(unit.store, unit.pack_keys.reading, ReadingRecord).reading == 3
    monkeypatch.setattr(reading, "READING", 2)
    with pytest.raises(FatalError, match=r"reading 3 .* this build of headcount has reading 2"):
        prepare_job(unit_of(tmp_path))
    assert read_record(unit.store, unit.pack_keys.reading, ReadingRecord).reading == 3


def test_a_worker_of_an_older_build_among_newer_ones_embeds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READING", 2)
    prepare_job(unit_of(tmp_path))
    shard = unit_of(tmp_path, name="embed-0000000")
    photo = ManifestPhoto(key="a.jpg", etag="e", size=3)
    manifest = ShardManifest(unit=shard.name, photos=(photo,))
    shard.store.put(shard.keys.shard(shard.name), manifest.to_bytes())
    monkeypatch.setattr(reading, "READING", 1)
    with pytest.raises(FatalError, match="Use the build that read it or a newer one"):
        embed_shard(shard)
    monkeypatch.setattr(reading, "READING", 2)
    assert embed_shard(shard).reading == 2


def test_references_of_a_folder_and_from_elsewhere_are_read_anew_by_a_newer_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "enrol_one", enrolled)
    folders = [add(tmp_path / name, **{who: who}) for name, who in (("p", "ada"), ("q", "bob"))]
    for people in folders:
        assert prepare_job(unit_of(tmp_path, people)).counts == {"forgotten_references": 0}
    monkeypatch.setattr(reading, "READING", 2)
    done = prepare_job(unit_of(tmp_path, folders[0]))
    assert done.counts["reread_references"] == 2
    assert [report.state for report in done.references] == ["known"]
    rows = job_tables(unit_of(tmp_path)).gallery.read(["reading", "descriptor"]).to_pylist()
    assert [(r["reading"], r["descriptor"][2]) for r in rows] == [(2, 1.0), (2, 1.0)]
    assert "reread_references" not in prepare_job(unit_of(tmp_path, folders[0])).counts, "once"


def test_a_job_without_a_people_folder_reads_references_anew_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "enrol_one", enrolled)
    prepare_job(unit_of(tmp_path, add(tmp_path / "people", ada="ada")))
    monkeypatch.setattr(reading, "READING", 2)
    assert prepare_job(unit_of(tmp_path)).counts["reread_references"] == 1
