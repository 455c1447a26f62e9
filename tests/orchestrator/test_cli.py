import subprocess
import sys

import pytest

HEAVY = ("pyarrow", "lance", "celery", "redis", "minio", "pydantic", "rich", "numpy", "onnxruntime")


def headcount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from orchestrator.cli import headcount;"
        "headcount.main(['--help'], standalone_mode=False);"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip().endswith("[]")
    assert "demo" in shown.stdout
    assert "doctor" in shown.stdout


@pytest.mark.parametrize("command", ["run", "enroll", "submit", "status", "worker", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    shown = headcount(command, "--help")
    assert shown.returncode == 0
    assert "Usage:" in shown.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    shown = headcount("rnu")
    assert shown.returncode == 2
    assert "No such command" in shown.stderr


def test_a_missing_option_is_a_usage_error() -> None:
    assert headcount("run", "photos").returncode == 2
