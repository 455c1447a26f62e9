import hashlib
from pathlib import Path

import lance
import numpy as np
import pytest

from headcount.collections.photos import Reference
from headcount.contract import reading
from headcount.contract.layout import PREPARE, PackKeys, commit_key
from headcount.contract.record import read_record
from headcount.contract.stored.archive import LastCommitRecord, ReadingRecord
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


def test_a_rematch_is_prepared_without_models_photos_or_people(tmp_path: Path) -> None:
    run = unit_of(tmp_path)
    prepared = prepare_job(run)
    run.store.put(run.keys.done(PREPARE), prepared.to_bytes())
    (tmp_path / "photos/a.jpg").unlink()
    (tmp_path / "photos").rmdir()
    unit = rematch_of(run)
    tables = job_tables(unit)
    before = tables.gallery.version, tables.faces.version, tables.photos.version
    assert prepare_job(unit).pack == prepared.pack
    assert (tables.gallery.version, tables.faces.version, tables.photos.version) == before


def test_a_rematch_gives_tables_of_an_earlier_build_the_columns_that_they_lack(
    tmp_path: Path,
) -> None:
    run = unit_of(tmp_path)
    run.store.put(run.keys.done(PREPARE), prepare_job(run).to_bytes())
    photos = job_tables(run).photos
    lance.dataset(photos.uri).drop_columns(["reading"])
    assert "reading" not in lance.dataset(photos.uri).schema.names
    prepare_job(rematch_of(run))
    assert "reading" in lance.dataset(photos.uri).schema.names


def test_a_rematch_goes_by_the_pack_as_the_collection_s_last_job_had_it(tmp_path: Path) -> None:
    run = unit_of(tmp_path)
    prepared = prepare_job(run)
    assert prepared.pack is not None
    raised = prepared.pack.model_copy(update={"threshold": 0.9})  # as another build would say
    marker = prepared.model_copy(update={"pack": raised})
    run.store.put(run.keys.done(PREPARE), marker.to_bytes())
    assert prepare_job(rematch_of(run)).pack == prepared.pack, "nothing was committed"
    last = LastCommitRecord(job_id=run.job_id, made=True)
    run.store.put(commit_key(job_tables(run).collection), last.to_bytes())
    assert prepare_job(rematch_of(run)).pack == raised


def test_a_rematch_of_a_pack_that_was_dropped_is_refused_in_words(tmp_path: Path) -> None:
    run = unit_of(tmp_path)
    prepare_job(run)
    run.store.delete(run.pack_keys.record)
    with pytest.raises(FatalError, match="has no model pack"):
        prepare_job(rematch_of(run))


def test_a_rematch_embeds_with_the_pack_that_it_goes_by_and_no_other(tmp_path: Path) -> None:
    run = unit_of(tmp_path)
    record = prepare_job(run).pack
    assert record is not None
    unit = rematch_of(run)
    unit.context._packs[unit.spec.model] = run.pack
    assert unit.pack is run.pack
    other = record.model_copy(update={"pack_id": "other"})
    run.store.put(PackKeys("other").record, other.to_bytes())
    unit = rematch_of(run, "other")
    unit.context._packs[unit.spec.model] = run.pack
    with pytest.raises(FatalError, match="use the same model files"):
        _ = unit.pack


def rematch_of(run: Unit, pack_id: str | None = None) -> Unit:
    """The first unit of a rematch, on a worker that cannot open any model."""
    rematch = run.spec.model_copy(
        update={"job_id": "rematch", "rematch": pack_id or run.record.pack_id, "model": "nowhere"}
    )
    unit = Unit(AtOnce().context, run.store, rematch.job_id, PREPARE)
    unit.store.put(unit.keys.spec, rematch.to_bytes())
    unit.store.delete(unit.keys.done(PREPARE))
    return unit
