"""The stages, one after the other: each a process of its own, which cannot stop the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.budget import STAGES, Budget, Clock, Stage
from benchmarks.gpu.cuda_paths import library_path

GRACE = 10.0
"""Seconds that a stage has to end after its limit, before it is killed: it ends by itself between
two measurements."""
TO_END, EACH = 5.0, 0.1
"""Seconds that processes have to end after a signal, and between two looks whether they have."""
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage that is over: ``done``, ``failed``, ``killed`` or ``skipped``, and its figures.

    A stage that was cut short has those that it saved until then.
    """

    stage: Stage
    status: str
    seconds: float
    limit: float | None
    reason: str = ""
    figures: Figures = field(default_factory=dict)

    def summary(self) -> Figures:
        """Everything but the figures."""
        return {
            "title": self.stage.title,
            "status": self.status,
            "seconds": round(self.seconds, 1),
            "limit": self.limit and round(self.limit, 1),
            "reason": self.reason or None,
        }


Start = Callable[[Stage, float], tuple[str, str]]
"""Runs a stage within so many seconds: its status and, where it is not done, the reason."""


def run_stages(
    folder: Path,
    budget: Budget,
    start: Start,
    *,
    stages: Sequence[Stage] = STAGES,
    clock: Clock = time.monotonic,
) -> Iterator[Ended]:
    """Yield each stage as it ends. One that would start too late is skipped, and says so."""
    for stage in stages:
        limit = budget.limit(stage)
        if limit is None:
            reason = f"{budget.left():.0f} s were left, and it needs {stage.least:.0f}"
            yield Ended(stage, "skipped", 0.0, None, reason)
            continue
        began = clock()
        status, reason = start(stage, limit)
        figures = figures_of(folder, stage)
        yield Ended(stage, status, clock() - began, limit, reason, figures)


def figures_of(folder: Path, stage: Stage) -> Figures:
    """Read a stage's figures; empty where it saved none."""
    try:
        found: Figures = json.loads((folder / f"{stage.name}.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def save(folder: Path, name: str, figures: Figures) -> None:
    """Write a stage's figures so that a stage that is killed leaves them whole."""
    place = folder / f"{name}.json"
    fresh = place.with_suffix(".new")
    fresh.write_text(json.dumps(figures, indent=1))
    fresh.replace(place)


def in_process(folder: Path, site: Path | None = None, grace: float = GRACE) -> Start:
    """Start stages as processes that find the wheels of ``site`` and CUDA's libraries."""

    def start(stage: Stage, limit: float) -> tuple[str, str]:
        log = folder / f"{stage.name}.log"
        command = [sys.executable, "-m", "benchmarks.gpu.child", stage.name, str(folder)]
        with log.open("wb") as told:
            process = subprocess.Popen(
                [*command, str(limit)],
                stdout=told,
                stderr=subprocess.STDOUT,
                env=environment(site),
                start_new_session=True,
            )
            code = _wait(process, limit + grace)
        if code is None:
            return "killed", f"it did not end within {limit + grace:.0f} s"
        return ("done", "") if code == 0 else ("failed", _last_line(log) or f"exit code {code}")

    return start


def environment(site: Path | None) -> dict[str, str]:
    """Environment of a stage: wheels of ``site`` first, CUDA's libraries wherever they are."""
    paths = [str(path) for path in (site, Path.cwd()) if path is not None]
    paths += [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "LD_LIBRARY_PATH": library_path([*paths, *sys.path]),
    }


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Wait for the exit code; None for a process that had to be ended, with all it started."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            _end_group(process, sent)
        return None


def _end_group(process: subprocess.Popen[bytes], sent: signal.Signals) -> None:
    """Send a signal to a process and all of its group, and wait until they are gone, not for long.

    `headcount run` ends its broker and its workers when it is told to.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sent)
        for _ in range(int(TO_END / EACH)):
            process.poll()
            os.killpg(process.pid, 0)  # raises once nobody is left
            time.sleep(EACH)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
