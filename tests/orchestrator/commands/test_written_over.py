"""What is said of a job whose results another one has written over."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from headcount.contract import results
from headcount.contract.layout import ARCHIVE, JobKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import FinishedRecord
from headcount.errors import FatalError
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.commands import export
from orchestrator.commands import results as results_command
from orchestrator.jobs.submit import make_spec


@pytest.fixture
def archive(tmp_path: Path) -> Store:
    """An archive with the jobs 1 and 2, of which both wrote to the same place."""
    store, out = open_store(str(tmp_path / "archive")), open_store(str(tmp_path / "out"))
    model = ModelChoice(name="m", pack_id="p")
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    spec = make_spec(
        photos=str(tmp_path), people=None, archive=store.uri, out=out.uri, settings=Settings()
    )
    for job_id in ("1", "2"):
        keys = JobKeys(job_id)
        store.put(keys.spec, spec.model_copy(update={"job_id": job_id}).to_bytes())
        end = FinishedRecord(job_id=job_id, state="done", finished=now(), out=out.uri)
        store.put(keys.finished, end.to_bytes())
    out.put(results.SUMMARY, json.dumps({"job_id": "2"}).encode())
    return store


def test_neither_results_nor_export_take_them_for_those_of_the_earlier_job(
    archive: Store, tmp_path: Path
) -> None:
    told = results_command.command, ["1", "--archive", archive.uri, "--json"]
    exported = export.command, ["1", "--archive", archive.uri, "--to", str(tmp_path / "to")]
    for command, arguments in (told, exported):
        answer = CliRunner().invoke(command, arguments)
        assert isinstance(answer.exception, FatalError)
        assert "those of job 2 are" in str(answer.exception)
    assert not (tmp_path / "to").exists()
    latest = CliRunner().invoke(results_command.command, ["--archive", archive.uri, "--json"])
    assert json.loads(latest.stdout)["summary"] == {"job_id": "2"}
