import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import commands
from orchestrator.cli import SECTIONS

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
    listed = re.findall(r"^  (\w+) {2,}\S", shown.stdout.partition("\nStart:\n")[2], re.MULTILINE)
    modules = Path(commands.__path__[0]).glob("*.py")
    existing = {file.stem for file in modules if "def command(" in file.read_text()}
    assert sorted(listed) == sorted(existing)  # each once


def test_help_stands_in_sections_whose_lines_are_one_under_another() -> None:
    shown = headcount("--help").stdout
    titles = re.findall(r"^(\w+):$", shown, re.MULTILINE)
    assert titles == ["Options", *SECTIONS]
    assert re.search(
        r"^Answers:\n  review .*\n  name .*\n  apply .*\n  answers ", shown, re.MULTILINE
    )
    starts = re.findall(r"^  (?=\w)\w+ +", shown.partition("\nStart:\n")[2], re.MULTILINE)
    assert len({len(start) for start in starts}) == 1


@pytest.mark.parametrize("command", ["run", "enroll", "submit", "status", "worker", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    shown = headcount(command, "--help")
    assert shown.returncode == 0
    assert "Usage:" in shown.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    shown = headcount("rnu")
    assert shown.returncode == 2
    assert "there is no `rnu`: did you mean `run`?" in shown.stderr


def test_a_missing_option_is_a_usage_error() -> None:
    assert headcount("run", "photos").returncode == 2


def test_a_command_ends_with_its_code_also_where_a_library_s_thread_is_still_at_work() -> None:
    program = (
        "import concurrent.futures, threading, time, sys, orchestrator.cli as cli\n"
        "pool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "pool.submit(lambda: (time.sleep(0.3), print('own work done')))\n"
        "threading.Thread(target=lambda: time.sleep(600), daemon=True).start()\n"
        "sys.argv = ['headcount', '--version']\n"
        "cli.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("headcount ")
    assert ended.stdout.endswith("own work done\n")


def test_output_that_cannot_be_written_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", "from orchestrator.cli import main; main()", "--version"],
            stdout=full,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    assert ended.returncode == 1
