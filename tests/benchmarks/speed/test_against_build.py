import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.speed.against_build import differing, warnings
from benchmarks.speed.builds import ROOT, commit_of

SECONDS = 240


def worktrees() -> str:
    words = ["git", "-C", str(ROOT), "worktree", "list", "--porcelain"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def head() -> str:
    """The commit that is checked out."""
    try:
        return commit_of("HEAD")
    except (SystemExit, OSError):
        pytest.skip("there is no history here, or no git")


def start(tmp_path: Path, commit: str, photos: Path, *more: str) -> subprocess.Popen[str]:
    """The benchmark beside a commit, with this interpreter's packages for both."""
    words = ["-m", "benchmarks.speed.against_build", commit, str(photos)]
    return subprocess.Popen(
        [sys.executable, *words, "--python", sys.executable, "--photos", "2", *more],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.integration
def test_a_build_beside_itself(tmp_path: Path, head: str, samples: Path) -> None:
    scratch, file = tmp_path / "scratch", tmp_path / "figures.json"
    scratch.mkdir()
    more = ("--rounds", "1", "--profile", "fast", "--json", str(file))
    process = start(scratch, head, samples / "photos", *more)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    figures = json.loads(file.read_text())
    assert figures["builds"]["old"]["commit"] == head[:7]
    assert figures["builds"]["old"]["packages"] == figures["builds"]["new"]["packages"]
    assert [each["measure"] for each in figures["compared"]] == ["analysis", "run"]
    for each in figures["compared"]:
        assert each["old"][0]["faces"] == each["new"][0]["faces"] > 0
        assert each["old"][0]["usable"] == each["new"][0]["usable"] > 0
        assert all(each[side][0]["cpu_seconds"] > 0 for side in ("new", "old"))
        told = each["ratios"]["photos/s"]
        assert 0 < told["low"] <= told["median"] <= told["high"]
        assert f"{told['median']:.2f} (" in out
    assert "an interval needs 5 rounds" in out
    assert list(scratch.iterdir()) == []
    assert str(scratch) not in worktrees()


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_before_the_end_leaves_nothing(
    tmp_path: Path, head: str, samples: Path, number: signal.Signals
) -> None:
    process = start(tmp_path, head, samples / "photos")
    deadline = time.monotonic() + SECONDS
    while str(tmp_path) not in worktrees():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=SECONDS)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in worktrees()


@pytest.mark.integration
def test_an_unknown_commit_is_said_to_be_none(tmp_path: Path, head: str) -> None:
    process = start(tmp_path, "f" * len(head), tmp_path)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "has no commit ffff" in err


def test_packages_that_differ_are_warned_of() -> None:
    new = {"python": "3.11.7", "packages": {"numpy": "2.4.6", "onnxruntime": "1.32.0"}}
    old = {"python": "3.11.7", "packages": {"numpy": "2.4.5", "onnxruntime": "1.32.0"}}
    assert [line.partition(":")[2].split(":")[0] for line in differing(new, old)] == [
        " numpy is 2.4.6 here and 2.4.5 there"
    ]
    assert differing(new, new) == []


def test_few_rounds_and_busy_cores_are_warned_of() -> None:
    side = {"python": "3.11.7", "packages": {}}
    quiet = {"builds": {"new": side, "old": side}, "rounds": 5, "cores": 2}
    assert warnings(quiet | {"load_at_the_beginning": 1.9}) == []
    few, busy = warnings(quiet | {"load_at_the_beginning": 2.1, "rounds": 4})
    assert "5 rounds or more" in few
    assert "cores are busy" in busy
