"""Rematches of all collections, as `apply --now` asks for them."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headcount.assignments.history import ASSIGNMENTS, write_table
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import JobSpec
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from orchestrator.commands import rematch
from tests.orchestrator.jobs.test_rematch import PACK, ended, store
from tests.packs import made_up_pack

__all__ = ["store"]


@pytest.fixture
def driven(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The collections of the jobs that were driven, instead of driving them."""
    choice = ModelChoice(name="m", pack_id=PACK)
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=choice).to_bytes())
    jobs: list[str] = []

    def drive(store: Store, job_id: str, *_: Any, **__: Any) -> int:
        jobs.append(read_record(store, JobKeys(job_id).spec, JobSpec).photos or "")
        return 3 if jobs[-1].endswith("/others/") else 0

    monkeypatch.setattr(rematch, "drive_here", drive)
    return jobs


def test_every_collection_of_an_archive_is_matched_anew(
    store: Store, tmp_path: Path, driven: list[str]
) -> None:
    with pytest.raises(FatalError, match="no results yet"):
        rematch.rematch_all(store, Settings(), S3Settings())
    one = ended(store, tmp_path)
    assert rematch.rematch_all(store, Settings(), S3Settings()) == 0
    two = ended(store, tmp_path, "others")
    assert rematch.rematch_all(store, Settings(), S3Settings()) == 3
    assert driven == [one.photos, two.photos, one.photos]


def test_a_roster_and_none_are_not_said_together(store: Store, driven: list[str]) -> None:
    asked = ["--archive", store.uri, "--expected", "r.csv", "--no-expected"]
    said = CliRunner().invoke(rematch.command, asked)
    assert said.exit_code == 2
    assert "exclude each other" in said.output
    assert driven == []


def test_another_pack_of_the_archive_is_matched_beside(
    store: Store, tmp_path: Path, driven: list[str]
) -> None:
    ended(store, tmp_path)
    said = CliRunner().invoke(
        rematch.command, ["--archive", store.uri, "--model", "nobody's"], standalone_mode=False
    )
    assert "0 packs called nobody's" in str(said.exception)
    spec, _ = rematch.begin_rematch(store, S3Settings())
    assert (spec.rematch, spec.beside) == (PACK, False)
    store.put(PackKeys("p2").record, made_up_pack("p2").to_bytes())
    folder = PackKeys("p2").assignments(collection_id(spec.photos or ""), "of-p2")
    write_table(store, folder, ASSIGNMENTS.empty_table())
    run = spec.model_copy(update={"job_id": "of-p2", "rematch": None, "purity": 0.9})
    store.put(JobKeys("of-p2").spec, run.to_bytes())
    other, _ = rematch.begin_rematch(store, S3Settings(), model="p2")
    assert (other.rematch, other.beside, other.purity) == ("p2", True, 0.9)
