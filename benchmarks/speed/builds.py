"""Builds of this repository, each with an environment of its own, and processes within them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("build_child.py")
OWN_SETTINGS = "HEADCOUNT_ACCEPT_LICENCES"
"""The one setting of headcount's that reaches a build; a broker's, say, would share the work."""
END_SECONDS = 30.0
"""Time for a process that is told to stop to end its own children."""


@dataclass(frozen=True, slots=True)
class Build:
    """A checkout of this repository, and the interpreter that has its packages.

    ``cache`` is the folder of its prepared models: another build may prepare them another way.
    """

    name: str
    root: Path
    python: Path
    cache: Path

    def environment(self) -> dict[str, str]:
        """Variables of a process of this build: its code comes first on the path."""
        plain = {
            name: value
            for name, value in os.environ.items()
            if name == OWN_SETTINGS or not name.startswith(("HEADCOUNT_", "PYTHON", "VIRTUAL_ENV"))
        }
        return plain | {"PYTHONPATH": str(self.root), "HEADCOUNT_CACHE_DIR": str(self.cache)}


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that ended well: its output, its seconds, and the CPU's with its children's."""

    output: str
    seconds: float
    cpu_seconds: float


def fail(*lines: str) -> NoReturn:
    sys.exit("\n".join(lines))


def commit_of(revision: str) -> str:
    """Full hash of a commit."""
    code, found, _ = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if code:
        fail(f"the history of {ROOT} has no commit {revision}: is the clone shallow?")
    return found.strip()


def this_build(scratch: Path) -> Build:
    """The checkout that this file lies in, and the running interpreter."""
    _, told, _ = _git("describe", "--always", "--abbrev=7", "--exclude=*", "--dirty= with changes")
    name = told.strip() or "no commit"
    return Build(name, ROOT, Path(sys.executable), scratch / "cache-new")


@contextmanager
def earlier_build(commit: str, scratch: Path, python: Path | None = None) -> Iterator[Build]:
    """Check a commit out for the time of the block, with an environment of its own.

    Its own requirements are installed, unless ``python`` is an interpreter that has packages.
    """
    root = scratch / f"headcount-{commit[:7]}"
    try:
        code, _, err = _git("worktree", "add", "--quiet", "--detach", str(root), commit)
        if code:
            fail(f"{commit[:7]} could not be checked out:", err)
        own = python.expanduser().absolute() if python else _installed(root, scratch / "venv")
        yield Build(commit[:7], root, own, scratch / "cache-old")
    finally:
        _git("worktree", "remove", "--force", "--force", str(root))


def _installed(root: Path, place: Path) -> Path:
    """Interpreter of a new environment with a checkout's own requirements."""
    python = place / "bin" / "python"
    for words in (
        [sys.executable, "-m", "venv", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", ".[cpu]"],
    ):
        print(" ".join(words), file=sys.stderr)
        code, _, err = _to_the_end(words, cwd=root, env=None, told=None)
        if code:
            fail(err[-3000:], "offline, --python names an interpreter that has the packages")
    return python


def _git(*words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of git in this checkout."""
    return _to_the_end(["git", "-C", str(ROOT), *words], cwd=ROOT, env=None, told=None)


def ended(build: Build, words: Sequence[str], told: str | None = None) -> Ended:
    """Run the build's interpreter in the build's folder; leave the program where it fails."""
    before, began = _children_seconds(), time.perf_counter()
    command = [str(build.python), "-P", *words]
    code, out, err = _to_the_end(command, cwd=build.root, env=build.environment(), told=told)
    seconds = time.perf_counter() - began
    if code:
        fail(f"{build.name} ended with exit code {code}: {' '.join(command)}", err[-3000:])
    return Ended(out, seconds, _children_seconds() - before)


def answer(build: Build, ask: str, **asked: Any) -> dict[str, Any]:
    """Ask benchmarks/speed/build_child.py within the build."""
    told = json.dumps({"ask": ask, **asked})
    answered: dict[str, Any] = json.loads(ended(build, [str(CHILD)], told).output.splitlines()[-1])
    return answered


def versions(build: Build) -> dict[str, Any]:
    """Python and packages of a build; leave the program if another build's code would run."""
    told = answer(build, "versions")
    if told["folders"] != [str(build.root.resolve())]:
        fail(f"{build.name} would run the code in {', '.join(told['folders'])}")
    return {"python": told["python"], "packages": told["packages"]}


def _to_the_end(
    words: Sequence[str], *, cwd: Path, env: dict[str, str] | None, told: str | None
) -> tuple[int, str, str]:
    """Exit code, output and errors of a process; on Ctrl-C it is told to stop, and waited for."""
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        text=True,
        stdin=subprocess.PIPE if told else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this program, which then ends it in order
    )
    try:
        out, err = process.communicate(told)
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, err


def _children_seconds() -> float:
    """CPU seconds of all processes that ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
