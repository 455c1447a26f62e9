"""Going back, and what jobs that were begun before do to the archive after it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from headcount.contract.layout import PREPARE, ROLLBACK, JobKeys, PackKeys
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import RollbackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.errors import FatalError, HeadcountError
from headcount.jobs.control import let_go_on, stop
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.table import Table
from orchestrator.archive import catalogue
from orchestrator.archive import rollback as rolling
from orchestrator.archive.rollback import roll_back
from orchestrator.commands import diff, jobs, results, rollback, status
from orchestrator.jobs.commit_in_turn import pack_of
from orchestrator.jobs.submit import interrupted_job
from tests.at_once import add, begin, end


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return add(tmp_path / "photos", one="ada bob", two="ada cleo")


def table(spec: JobSpec, name: str) -> Table:
    prepared = read_record(open_store(spec.archive), JobKeys(spec.job_id).done(PREPARE), DoneMarker)
    keys = PackKeys(pack_of(prepared).pack_id)
    return Table(spec.archive, getattr(keys, name), S3Settings())


def faces(spec: JobSpec) -> Counter[str]:
    """How many rows each photo's faces have."""
    return Counter(table(spec, "faces").read(["photo"])["photo"].to_pylist())


def fails_while_committed(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drive the job until its faces are in the archive, and its photos are not."""

    def broken(self: Table) -> None:
        raise FatalError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(Table, "compact", broken)
        with pytest.raises(FatalError, match="broken"):
            end(spec)


def test_a_job_that_failed_in_its_commit_and_was_rolled_back_blocks_nobody_when_it_is_resumed(
    photos: Path, archive: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin(photos, archive, "1")
    end(first)
    add(photos, three="dora")
    failed = begin(photos, archive, "0")
    fails_while_committed(failed, monkeypatch)
    with pytest.raises(FatalError, match="headcount resume 0"):
        catalogue.refuse_half_commits(store)
    roll_back(store, "1", S3Settings())
    catalogue.refuse_half_commits(store)
    let_go_on(store, "0")
    with pytest.raises(FatalError, match="start a new job"):
        end(failed)
    again = begin(photos, archive, "3")
    assert interrupted_job(store, failed.model_copy(update={"job_id": "4"})) is None
    end(again)
    assert faces(again) == {"one.jpg": 2, "two.jpg": 2, "three.jpg": 1}


def test_a_job_that_was_rolled_back_before_its_commit_is_not_named_as_one_that_is_half_committed(
    photos: Path, archive: Path, store: Store
) -> None:
    end(begin(photos, archive, "1"))
    paused = begin(photos, archive, "2")
    with pytest.raises(FatalError, match="is not finished"):
        roll_back(store, "1", S3Settings())
    stop(store, "2", "paused")
    roll_back(store, "1", S3Settings())
    let_go_on(store, "2")
    with pytest.raises(FatalError, match="start a new job"):
        end(paused)
    end(begin(photos, archive, "3"))


def test_a_run_that_was_interrupted_before_a_rollback_is_begun_anew_after_it(
    photos: Path, archive: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(begin(photos, archive, "1"))
    failed = begin(photos, archive, "2", out=str(archive / "out"))
    again = failed.model_copy(update={"job_id": "3"})
    assert interrupted_job(store, again) == "2"
    fails_while_committed(failed, monkeypatch)
    assert interrupted_job(store, again) == "2"
    roll_back(store, "1", S3Settings())
    assert interrupted_job(store, again) is None


def test_a_first_job_that_was_half_committed_and_rolled_back_keeps_nobody_waiting(
    photos: Path, archive: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(begin(photos, archive, "1"))
    failed = begin(add(tmp_path / "others", one="dora"), archive, "2")
    fails_while_committed(failed, monkeypatch)
    roll_back(store, "1", S3Settings())
    catalogue.refuse_half_commits(store)


def test_after_a_rollback_to_a_version_with_half_a_job_of_another_collection_no_face_is_there_twice(
    photos: Path, archive: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = add(tmp_path / "others", three="dora", four="eve")
    half = begin(others, archive, "1")
    fails_while_committed(half, monkeypatch)
    end(begin(photos, archive, "2"))
    roll_back(store, "2", S3Settings())
    again = begin(others, archive, "3")
    end(again)
    assert faces(again) == {"one.jpg": 2, "two.jpg": 2, "three.jpg": 1, "four.jpg": 1}


def test_what_was_undone_is_said_to_be_and_is_passed_over_by_those_who_ask_for_the_latest(
    photos: Path, archive: Path, store: Store
) -> None:
    def said(command: click.Command, *arguments: str) -> Result:
        return CliRunner().invoke(command, [*arguments, "--archive", str(archive)])

    for job_id in ("1", "2", "3"):
        end(begin(photos, archive, job_id))
    roll_back(store, "2", S3Settings())
    states = {s["job_id"]: s["state"] for s in json.loads(said(jobs.command, "--json").stdout)}
    assert states == {"1": "done", "2": "done", "3": "undone"}
    assert "undone by a rollback" in said(status.command, "3").stdout
    assert said(results.command).stdout.startswith("job 2,")
    assert said(results.command, "3").stdout.startswith("job 3,"), "what was written stays"
    assert said(diff.command).stdout.startswith("from job 1 to 2:")
    add(photos, three="dora")
    end(begin(photos, archive, "4"))
    assert said(diff.command).stdout.startswith("from job 2 to 4: 1 new face")
    assert "was rolled back" in str(said(diff.command, "3", "4").exception)
    assert "undone by a rollback" in str(said(rollback.command, "3").exception)


@pytest.mark.parametrize("ended", [False, True], ids=["at work", "ended"])
def test_a_job_that_begins_as_the_rollback_does_is_let_go_first(
    photos: Path, archive: Path, store: Store, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    end(begin(photos, archive, "1"))
    real = rolling._committed_after

    def meanwhile(*given: Any) -> tuple[str, ...]:
        before = real(*given)
        if find_record(store, ROLLBACK, RollbackRecord) is None:
            new = begin(add(photos, three="dora"), archive, "2")
            if ended:
                end(new)
        return before

    monkeypatch.setattr(rolling, "_committed_after", meanwhile)
    said = "was committed just now" if ended else "job 2 is not finished"
    with pytest.raises(HeadcountError, match=said):
        roll_back(store, "1", S3Settings())
    assert find_record(store, ROLLBACK, RollbackRecord) is None
    assert "2" not in catalogue.undone_jobs(store)
