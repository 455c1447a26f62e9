"""The option --keep-poor of every command that has it."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import JobSpec
from headcount.storage import open_store
from orchestrator.commands import enroll, run, schedule, submit
from orchestrator.schedules.schedule import schedules
from tests.at_once import add


def said(command: click.Command, *words: str) -> str:
    found = CliRunner().invoke(command, words, standalone_mode=False)
    assert found.exception is None, found.output
    return found.output


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str, str]:
    """Photos, people, and the place of an archive."""
    photos, people = (add(tmp_path / name, ada="ada") for name in ("photos", "people"))
    return str(photos), str(people), str(tmp_path / "archive")


@pytest.mark.parametrize("words", [[], ["--keep-poor"]])
def test_run_and_submit_and_schedule_pass_it_on(
    folders: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    photos, people, archive = folders
    asked = list[JobSpec]()
    monkeypatch.setattr(run, "run_job", lambda spec, *_: asked.append(spec) or 0)
    given = ["--people", people, "--archive", archive, *words]
    said(run.command, photos, "--out", f"{archive}/out", *given)
    job = said(submit.command, photos, *given).splitlines()[-1]
    asked.append(read_record(open_store(archive), JobKeys(job).spec, JobSpec))
    said(schedule.command, "add", "nightly", photos, "--cron", "0 2 * * *", *given)
    [night] = schedules(open_store(archive))
    assert [one.keep_poor for one in (*asked, night)] == [bool(words)] * 3


@pytest.mark.parametrize("words", [[], ["--keep-poor"]])
def test_enroll_passes_it_on(
    folders: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    class Asked(Exception):
        pass

    asked = list[JobSpec]()

    def keep(spec: JobSpec, _: object) -> None:
        asked.append(spec)
        raise Asked

    monkeypatch.setattr(enroll, "submit", keep)
    _, people, archive = folders
    found = CliRunner().invoke(enroll.command, [people, "--archive", archive, *words])
    assert isinstance(found.exception, Asked)
    assert [one.keep_poor for one in asked] == [bool(words)]


def test_a_spec_of_an_earlier_build_keeps_no_poor_references(folders: tuple[str, str, str]) -> None:
    photos, people, archive = folders
    job = said(submit.command, photos, "--people", people, "--archive", archive).splitlines()[-1]
    spec = read_record(open_store(archive), JobKeys(job).spec, JobSpec)
    assert not JobSpec.model_validate(spec.model_dump(exclude={"keep_poor"})).keep_poor
