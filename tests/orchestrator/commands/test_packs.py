"""Dropping a model pack: what stands in the way."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys, commit_key
from headcount.contract.record import find_record, now
from headcount.contract.stored.archive import (
    ArchiveRecord,
    CommitRecord,
    LastCommitRecord,
    ModelChoice,
)
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from orchestrator.archive.rollback import roll_back
from orchestrator.commands import packs
from orchestrator.people.latest_assignments import pack_ids
from tests.packs import made_up_pack


def archive(folder: Path, *names: str) -> Store:
    """An archive of these packs, of which the first is in use."""
    store = open_store(canonical_uri(str(folder)))
    model = ModelChoice(name=names[0], pack_id=names[0])
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    for name in names:
        store.put(PackKeys(name).record, made_up_pack(name).to_bytes())
    return store


def test_a_pack_stays_while_a_job_is_half_committed_that_nobody_could_complete_without_it(
    tmp_path: Path,
) -> None:
    store = archive(tmp_path, "one", "other")
    half = LastCommitRecord(job_id="j1", made=False)
    store.put(commit_key("c"), half.to_bytes())
    drop = ["drop", "other", "--yes", "--archive", str(tmp_path)]
    refused = CliRunner().invoke(packs.command, drop, standalone_mode=False)
    assert isinstance(refused.exception, FatalError)
    assert "headcount resume j1" in str(refused.exception)
    assert pack_ids(store) == ["one", "other"]
    store.put(commit_key("c"), half.model_copy(update={"made": True}).to_bytes())
    assert CliRunner().invoke(packs.command, drop, standalone_mode=False).exception is None
    assert pack_ids(store) == ["one"]


def test_a_job_that_begins_while_the_question_is_read_keeps_its_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = archive(tmp_path, "one", "other")
    asked: list[str] = []

    def idle(*_: object, **__: object) -> None:
        assert asked, "looked at only when the answer is there"
        raise FatalError("job j1 is not finished")

    monkeypatch.setattr(packs.click, "confirm", lambda text, **_: asked.append(text))
    monkeypatch.setattr(packs, "require_idle", idle)
    drop = ["drop", "other", "--archive", str(tmp_path)]
    refused = CliRunner().invoke(packs.command, drop, standalone_mode=False)
    assert "j1 is not finished" in str(refused.exception)
    assert pack_ids(store) == ["one", "other"]


def test_no_job_of_a_dropped_pack_is_gone_back_to_by_the_numbers_of_tables_made_since(
    tmp_path: Path,
) -> None:
    store = archive(tmp_path, "one", "other")
    for pack_id in ("one", "other"):
        versions = CommitRecord(pack_id=pack_id, photos=2, faces=2, gallery=1, at=now())
        store.put(JobKeys(f"job-{pack_id}").commit, versions.to_bytes())
    drop = ["drop", "other", "--yes", "--archive", str(tmp_path)]
    assert CliRunner().invoke(packs.command, drop, standalone_mode=False).exception is None
    with pytest.raises(FatalError, match="its pack was dropped"):
        roll_back(store, "job-other", S3Settings())
    assert find_record(store, JobKeys("job-one").commit, CommitRecord) is not None
