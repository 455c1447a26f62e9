import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from headcount.contract.stored.jobs import SheetForm
from headcount.settings import Settings, usable_cores


@pytest.mark.parametrize(
    ("said", "meant"),
    [(";", ";"), ("\t", "\t"), ("tab", "\t"), ("\\t", "\t"), ("Semicolon", ";"), ("|", "|")],
)
def test_the_separator_of_csv_is_a_sign_or_its_name(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    monkeypatch.setenv("HEADCOUNT_CSV_SEPARATOR", said)
    assert SheetForm.of(Settings()) == SheetForm(separator=meant)  # type: ignore[arg-type]


def test_other_separators_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("", "x", ",;", "'"):
        monkeypatch.setenv("HEADCOUNT_CSV_SEPARATOR", wrong)
        with pytest.raises(ValidationError, match="csv_separator"):
            Settings()


def test_the_mark_of_utf8_is_there_and_landmarks_are_not_unless_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SheetForm.of(Settings()) == SheetForm(separator=",", bom=True, landmarks=False)
    monkeypatch.setenv("HEADCOUNT_CSV_BOM", "0")
    monkeypatch.setenv("HEADCOUNT_SHEET_LANDMARKS", "1")
    assert SheetForm.of(Settings()) == SheetForm(separator=",", bom=False, landmarks=True)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone has affinity")
def test_threads_are_those_that_affinity_leaves() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from headcount.settings import Settings; print(Settings().threads)\n"
        "from workers.runtime.threads import own_threads\n"
        "with own_threads() as pool: print(pool._max_workers)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "HEADCOUNT_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 64),
        ("0::/pod/worker\n", {"pod/cpu.max": "300000 100000", "pod/worker/cpu.max": "max 1"}, 3),
        ("0::/not/there\n", {"cpu.max": "400000 100000\n"}, 4),
        (
            "3:cpuset:/\n2:cpu,cpuacct:/host/path\n1:name=systemd:/\n0::/\n",
            {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        (None, {}, 64),
    ],
)
def test_threads_are_those_that_the_cpu_quota_leaves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    files: dict[str, str],
    cores: int,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    if own is not None:
        (tmp_path / "own").write_text(own)
    assert usable_cores(tmp_path / "groups", tmp_path / "own") == cores


def test_cores_are_counted_in_one_place() -> None:
    root = Path(__file__).resolve().parents[2]
    files = [f for p in ("headcount", "orchestrator", "workers") for f in (root / p).rglob("*.py")]
    counting = [f.name for f in files if "cpu_count(" in f.read_text()]
    assert counting == ["settings.py"]
