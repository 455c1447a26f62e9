"""Commands that read an archive, where there is none."""

import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import COMMANDS

JOB = "20260101-000000-abcdef"
READING = {
    **dict.fromkeys(("status", "watch", "pause", "cancel", "resume", "retry", "rollback"), (JOB,)),
    **dict.fromkeys(("jobs", "results", "people", "diff", "rematch", "review"), ()),
    **dict.fromkeys(("calibrate", "audit", "verify"), ()),
    "prune": ("--keep-jobs", "1"),
    "export": ("--to", "out"),
    "name": ("k1", "Ada"),
    "apply": ("answers.csv",),
    "answers": (),
    "search": ("photo.jpg",),
    "explain": ("photo.jpg",),
    "forget": ("Ada", "--yes"),
    "packs": ("list",),
    "schedule": ("list",),
}


@pytest.mark.parametrize("name", READING)
def test_it_is_said_that_there_is_none_and_none_is_begun(name: str, tmp_path: Path) -> None:
    command = importlib.import_module(f"orchestrator.commands.{name}").command
    archive = tmp_path / "nowhere"
    said = CliRunner().invoke(command, [*READING[name], "--archive", str(archive)])
    assert said.exit_code == 2, said.output
    assert f"there is no archive in {archive.as_uri()}/: check the path" in said.stderr
    assert not archive.exists()


def test_only_these_do_without() -> None:
    making = {"demo", "run", "enroll", "plan", "submit", "supervise", "beat"}
    assert set(COMMANDS) - set(READING) == making | {"worker", "models", "doctor"}
