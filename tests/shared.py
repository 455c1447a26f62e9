"""What all processes of a test run share: made by the first that asks, ended after the last.

pytest-xdist runs the tests in several processes, each with fixtures of its own. A server is kept
by a process of its own, ``python -m tests.shared NAME FOLDER``. Whoever uses it holds a shared lock
on a file; its keeper waits for the exclusive one, which it gets when nobody is left, however the
users ended.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 120.0
"""A server may have to load models first, on cores that are busy."""

Facts = dict[str, Any]
"""What users must know of a server: its address and the like, as JSON."""

SERVERS = {"s3": "tests.servers:s3_facts", "crew": "tests.clusters:crew_facts"}
"""Of each server the function that keeps it: a folder in, its facts for the time of the block."""


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run know."""
    base = factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock on a file for the time of the block."""
    with path.open("ab") as file:
        fcntl.flock(file, how)
        yield


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder, filled by ``make`` in the first process that asks for it."""
    folder.mkdir(exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not (folder / "made").exists():
            make(folder)
            (folder / "made").touch()
    return folder


@contextmanager
def server(name: str, folder: Path) -> Iterator[Facts]:
    """Give the facts of a running server; start it where it does not run."""
    folder = folder / name
    folder.mkdir(exist_ok=True)
    with locked(folder / "users", fcntl.LOCK_SH):
        with locked(folder / "start"):
            if not (folder / "facts").exists():
                _start(name, folder)
        yield json.loads((folder / "facts").read_text())


def _start(name: str, folder: Path) -> None:
    log = folder / "keeper.log"
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.shared", name, str(folder)],
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the tests; it leaves after them
        )
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "facts").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


def keep(name: str, folder: Path) -> None:
    """Run a server until nobody uses it."""
    module, _, function = SERVERS[name].partition(":")
    start: Callable[[Path], AbstractContextManager[Facts]]
    start = getattr(import_module(module), function)
    with start(folder) as facts:
        (folder / "new").write_text(json.dumps(facts))
        (folder / "new").rename(folder / "facts")
        with locked(folder / "users"):
            (folder / "facts").unlink()


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
