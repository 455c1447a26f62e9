"""Programs that an open archive starts, as the command line does."""

import os
import signal
from pathlib import Path

import pytest

import headcount
from headcount.archive.programs import command_line, start
from headcount.errors import FatalError
from tests.headcount.archive.archives import make_archive


def test_options_are_written_as_on_the_command_line() -> None:
    options = {
        "out": Path("a b"),
        "false_positives": 0.01,
        "keep_poor": True,
        "all_objects": False,
        "people": None,
        "format": ["csv", "xlsx"],
    }
    assert command_line("run", ["-photos"], options) == [
        "run",
        "--out=a b",
        "--false-positives=0.01",
        "--keep-poor",
        "--format=csv",
        "--format=xlsx",
        "--",
        "-photos",
    ]


def test_the_message_of_a_program_that_fails_is_raised(tmp_path: Path) -> None:
    make_archive(tmp_path)
    archive = headcount.open(tmp_path)
    with pytest.raises(FatalError, match=r"^there is no folder /nowhere: check the path$"):
        archive.run("/nowhere", out=tmp_path / "out")
    with pytest.raises(FatalError, match=r"^No such option '--purty'"):
        archive.run("/nowhere", out=tmp_path / "out", purty=1)


def test_lines_are_told_as_they_come() -> None:
    lines: list[str] = []
    ended = start(["--version"], told=lines.append)
    assert lines == [ended.output.strip()] == [f"headcount {headcount.__version__}"]
    assert (ended.exit_code, ended.job_id) == (0, None)


def test_secrets_reach_a_program_by_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADCOUNT_BROKER_URL", "redis://:a-secret@127.0.0.1:1/0")
    make_archive(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(FatalError) as told:
        headcount.open(tmp_path).run(tmp_path / "photos", out=tmp_path / "out")
    assert "127.0.0.1:1" in str(told.value)
    assert "a-secret" not in str(told.value)


def test_an_interrupt_ends_the_program_too(tmp_path: Path) -> None:
    """A program that waits for its input is stopped by what interrupts its caller."""
    pids: list[int] = []

    def interrupt(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    waits = tmp_path / "orchestrator"
    waits.mkdir()
    (waits / "__init__.py").touch()
    (waits / "cli.py").write_text(
        "import os, time\n"
        "def main():\n"
        "    try:\n        print(os.getpid(), flush=True)\n        time.sleep(60)\n"
        f"    except KeyboardInterrupt:\n        open({str(tmp_path / 'said')!r}, 'w').close()\n"
    )
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setenv("PYTHONPATH", str(tmp_path))
        start(["run"], told=interrupt)
    assert (tmp_path / "said").exists(), "it had the time to end as it wants"
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("os._exit(5)", "ended with 5: last words"),
        ("os.kill(os.getpid(), 9)", f"was ended by signal {int(signal.SIGKILL)}: last words"),
    ],
)
def test_the_last_lines_of_a_program_that_dies_are_told(
    tmp_path: Path, how: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orchestrator").mkdir()
    (tmp_path / "orchestrator" / "__init__.py").touch()
    code = f"import os\ndef main():\n    print('last words', flush=True)\n    {how}\n"
    (tmp_path / "orchestrator" / "cli.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(FatalError, match=f"headcount run {words}"):
        start(["run"])


def test_a_large_input_is_given_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orchestrator").mkdir()
    (tmp_path / "orchestrator" / "__init__.py").touch()
    code = "import sys\ndef main():\n    print('x' * 200_000)\n    print(len(sys.stdin.read()))\n"
    (tmp_path / "orchestrator" / "cli.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert start(["apply"], text="y" * 1_000_000).output.endswith("1000000\n")
