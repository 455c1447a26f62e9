"""The option --reread of every command that has it, and who tells of photos of an older reading."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from headcount.contract import reading
from headcount.contract.layout import JobKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, PlanRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from orchestrator.commands import plan, retry, run, schedule, status, submit
from orchestrator.jobs.submit import make_spec
from orchestrator.schedules.schedule import Scheduler, schedules
from tests.orchestrator.jobs.older import archive_of_first_reading


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobSpec:
    """The job that read nine photos, and a build of the second reading."""
    monkeypatch.setattr(reading, "READING", 2)
    return archive_of_first_reading(tmp_path)


def said(command: click.Command, spec: JobSpec, *words: str) -> str:
    found = CliRunner().invoke(command, [*words, "--archive", spec.archive], standalone_mode=False)
    assert found.exception is None, found.output
    return found.output


@pytest.mark.parametrize("wrong", ["0", "-1", "some", "1.5", ""])
def test_it_takes_a_number_from_one_on_or_all(spec: JobSpec, wrong: str) -> None:
    asked = [spec.photos or "", "--archive", spec.archive, "--reread", wrong]
    found = CliRunner().invoke(submit.command, asked)
    assert found.exit_code == 2
    assert "neither a number of photos nor `all`" in found.output


@pytest.mark.parametrize(("word", "wish"), [("4", 4), ("all", "all")])
def test_submit_plans_so_many_and_says_so(spec: JobSpec, word: str, wish: object) -> None:
    answer = said(submit.command, spec, spec.photos or "", "--reread", word)
    job = answer.splitlines()[-1]
    store, keys = open_store(spec.archive), JobKeys(job)
    number = wish if isinstance(wish, int) else 9
    assert read_record(store, keys.spec, JobSpec).reread == wish
    assert read_record(store, keys.plan, PlanRecord).reread == number
    assert f"9 photos, 0 of them new or changed, {number} read anew, in" in answer


def test_run_passes_it_on(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[JobSpec]()
    monkeypatch.setattr(run, "run_job", lambda spec, *_: asked.append(spec) or 0)
    said(run.command, spec, spec.photos or "", "--out", spec.out, "--reread", "7")
    assert [job.reread for job in asked] == [7]


def test_a_schedule_keeps_it_for_every_night(spec: JobSpec) -> None:
    words = ("add", "home", spec.photos or "", "--cron", "0 2 * * *", "--reread", "1000")
    said(schedule.command, spec, *words)
    store = open_store(spec.archive)
    assert [night.reread for night in schedules(store)] == [1000]
    begun = Scheduler(store, settings=Settings(), s3=S3Settings()).begin_now("home")
    assert read_record(store, JobKeys(begun.job_id).spec, JobSpec).reread == 1000


def test_a_retry_of_a_job_that_read_anew_reads_nothing_else_anew(spec: JobSpec) -> None:
    store = open_store(spec.archive)
    again = spec.model_copy(update={"reread": "all"})
    store.put(JobKeys("first").spec, again.to_bytes())
    job = said(retry.command, spec, "first", "--outcome", "unreadable").splitlines()[-1]
    keys = JobKeys(job)
    assert read_record(store, keys.plan, PlanRecord).planned_photos == 1
    assert read_record(store, keys.spec, JobSpec).reread is None


def test_plan_says_how_many_are_of_an_older_reading_and_of_what_kind(spec: JobSpec) -> None:
    answer = said(plan.command, spec, spec.photos or "")
    assert "to do: 0 photos, 0.0 MiB (0 new, 0 changed); 9 known, 0 removed" in answer
    assert (
        "9 photos were read by an older version: `--reread all` reads them anew "
        "(2 without a face, 3 that failed, 2 without a name, 2 with a name)"
    ) in answer
    found = json.loads(said(plan.command, spec, spec.photos or "", "--json"))
    assert (found["older_reading"], found["reread"], found["planned_photos"]) == (9, 0, 0)
    by_class = {"no_face": 2, "failed": 3, "unnamed": 2, "rest": 2}
    assert found["older_by_class"] == by_class
    assert found["reread_by_class"] == dict.fromkeys(by_class, 0)


def test_plan_says_what_would_be_read_anew(spec: JobSpec) -> None:
    answer = said(plan.command, spec, spec.photos or "", "--reread", "4")
    assert "to do: 4 photos, 0.0 MiB (0 new, 0 changed, 4 read anew); 9 known" in answer
    assert "read anew, in this order: 2 without a face, 2 that failed" in answer
    found = json.loads(said(plan.command, spec, spec.photos or "", "--reread", "all", "--json"))
    assert (found["older_reading"], found["reread"], found["planned_bytes"]) == (9, 9, 9)
    assert found["reread_by_class"] == found["older_by_class"]


def test_plan_of_a_new_collection_says_nothing_of_it(spec: JobSpec, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "a.jpg").write_bytes(b"x")
    assert "older" not in said(plan.command, spec, str(tmp_path / "others"), "--reread", "all")


def test_status_tells_it_of_the_plan_and_of_the_end(spec: JobSpec) -> None:
    job = said(submit.command, spec, spec.photos or "", "--reread", "4").splitlines()[-1]
    answer = said(status.command, spec, job)
    assert "9 known, 0 removed, 9 of an older reading, 4 read anew; 1 shards" in answer
    end = FinishedRecord(
        job_id=job, state="done", finished=now(), out=spec.out, photos=9, older_reading=5
    )
    open_store(spec.archive).put(JobKeys(job).finished, end.to_bytes())
    answer = said(status.command, spec, job)
    assert "5 photos were read by an older version: `--reread all` reads them anew" in answer
    assert json.loads(said(status.command, spec, job, "--json"))["finished"]["older_reading"] == 5


def test_a_request_may_wish_for_a_number_or_all(tmp_path: Path) -> None:
    for wish in (1, "all", None):
        made = make_spec(
            photos=str(tmp_path),
            people=None,
            archive=str(tmp_path),
            out=None,
            settings=Settings(),
            reread=wish,
        )
        assert JobSpec.from_bytes(made.to_bytes()).reread == wish
