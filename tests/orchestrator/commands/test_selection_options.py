"""The options --include and --exclude of every command that has them."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import JobSpec, PlanRecord
from headcount.storage import open_store
from orchestrator.commands import plan, run, schedule, submit
from orchestrator.schedules.schedule import schedules
from tests.at_once import add

GLOBS = ("--include", "#recycle/", "--exclude", "b*", "--exclude", "2019/")
COMMANDS = (run.command, submit.command, plan.command, schedule.add)


def said(command: click.Command, *words: str) -> str:
    found = CliRunner().invoke(command, words, standalone_mode=False)
    assert found.exception is None, found.output
    return found.output


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Photos, and the place of an archive."""
    names = {"ada": "ada", "#recycle/ben": "ben", "ben": "ben"}
    (tmp_path / "photos/#recycle").mkdir(parents=True)
    return str(add(tmp_path / "photos", **names)), str(tmp_path / "archive")


@pytest.mark.parametrize("words", [(), GLOBS])
def test_run_and_submit_and_schedule_pass_them_on(
    folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    photos, archive = folders
    asked = list[JobSpec]()
    monkeypatch.setattr(run, "run_job", lambda spec, *_: asked.append(spec) or 0)
    given = ["--archive", archive, *words]
    said(run.command, photos, "--out", f"{archive}/out", *given)
    job = said(submit.command, photos, *given).splitlines()[-1]
    store = open_store(archive)
    asked.append(read_record(store, JobKeys(job).spec, JobSpec))
    said(schedule.command, "add", "nightly", photos, "--cron", "0 2 * * *", *given)
    [night] = schedules(store)
    wanted = (("#recycle/",), ("b*", "2019/")) if words else ((), ())
    assert [(one.include, one.exclude) for one in (*asked, night)] == [wanted] * 3
    planned = read_record(store, JobKeys(job).plan, PlanRecord)
    left = {"--exclude": 1} if words else {"#recycle": 1}
    assert (planned.photos, planned.left_out) == (2, left)


def test_plan_says_what_it_leaves_out(folders: tuple[str, str]) -> None:
    photos, _ = folders
    assert "1 file left out: 1 in #recycle; --include lets them in" in said(plan.command, photos)
    found = said(plan.command, photos, *GLOBS)
    assert "2 photos" in found
    assert "1 file left out: 1 by --exclude" in found


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_a_glob_that_is_none_is_a_mistake_of_usage(command: click.Command, option: str) -> None:
    words = ["photos", "--archive", "a", option, "a/\\"]
    if command is schedule.add:
        words = ["nightly", *words, "--cron", "0 2 * * *"]
    if command is run.command:
        words += ["--out", "o"]
    found = CliRunner().invoke(command, words)
    assert found.exit_code == 2, found.output
    assert option in found.output


def test_where_everything_is_left_out_the_error_says_so(folders: tuple[str, str]) -> None:
    photos, archive = folders
    words = [photos, "--archive", archive, "--exclude", "*"]
    found = CliRunner().invoke(submit.command, words)
    assert "no photos found" in str(found.exception)
    assert "3 files left out" in str(found.exception)
