"""Following a job until it ends."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record, now
from headcount.contract.stored.jobs import FinishedRecord
from headcount.errors import TransientError
from headcount.settings import Settings
from headcount.storage import open_store
from orchestrator.commands import watch
from orchestrator.jobs.submit import make_spec


def test_a_storage_that_does_not_answer_for_a_while_is_not_the_end_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(
        photos=str(tmp_path), people=None, archive=str(tmp_path), out=None, settings=Settings()
    )
    store, keys = open_store(spec.archive), JobKeys(spec.job_id)
    store.put(keys.spec, spec.to_bytes())
    ended = FinishedRecord(job_id=spec.job_id, state="done", finished=now(), out=spec.out)

    def cut_off(*_: object) -> None:
        raise TransientError("no answer")

    def comes_back(_: float) -> None:
        store.put(keys.finished, ended.to_bytes())
        monkeypatch.setattr(watch, "find_record", find_record)

    monkeypatch.setattr(watch, "find_record", cut_off)
    monkeypatch.setattr("orchestrator.commands.watch.time.sleep", comes_back)
    asked = [spec.job_id, "--archive", spec.archive]
    watched = CliRunner().invoke(watch.command, asked, standalone_mode=False)
    assert (watched.exception, watched.return_value) == (None, 0)
    assert "no answer; looking again" in watched.output
