"""Servers of a local run: a broker and worker processes, which end with the run.

Each child holds one end of a pipe to this process. When this process ends, also by kill -9, the
pipe closes and the child exits.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from headcount.errors import FatalError

WORKER_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
"""Without it glibc keeps freed memory in an arena per thread: a worker needs a quarter more."""
RAPID_SECONDS = 20.0
"""A worker that died sooner than this after its start died rapidly."""
RAPID_DEATHS = 5
"""Rapid deaths in a row that end the run."""
STOP_SECONDS = 5.0
"""Time for a child to end by itself before it is killed."""


def _start(
    arguments: list[str], log: IO[bytes], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if "broker_host" in arguments[0] else log,
        stderr=log,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the run, which then ends its children in order
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if process.stdin:
            process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
        return
    process.kill()
    process.wait()


def _folder() -> Path:
    """Make a private folder with a short path: a Unix socket's path has 104 characters at most."""
    base = tempfile.gettempdir()
    short = base if len(base) < 60 else os.path.sep + "tmp"
    return Path(tempfile.mkdtemp(prefix="headcount-", dir=short))


@contextmanager
def embedded_broker() -> Iterator[str]:
    """Run a Valkey on a private Unix socket; yield its URL. Raises FatalError on failure."""
    folder = _folder()
    socket = folder / "valkey.sock"
    log_path = folder / "broker.log"
    with log_path.open("wb") as log:
        process = _start(["orchestrator.local.broker_host", str(socket)], log, dict(os.environ))
        try:
            line = process.stdout.readline() if process.stdout else b""
            if line.strip() != b"ready":
                raise FatalError(f"the embedded broker did not start:\n{tail(log_path)}")
            yield f"redis+socket://{socket}"
        finally:
            _stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def tail(path: Path, lines: int = 15) -> str:
    """Last lines of a log."""
    with suppress(OSError):
        text = path.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])
    return ""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    started: float
    log: Path


class WorkerPool:
    """Worker processes on this machine; ``check`` replaces those that died."""

    def __init__(
        self, count: int, broker_url: str, environment: dict[str, str], *, module: str = "workers"
    ) -> None:
        self._module = module
        self._folder = _folder()
        self._environment = {
            **WORKER_ENVIRONMENT,
            **os.environ,
            **environment,
            "HEADCOUNT_BROKER_URL": broker_url,
            "HEADCOUNT_REFUSAL_SECONDS": "0",  # one run, one cause: nothing is gained by waiting
        }
        self._rapid = 0
        self.deaths = 0
        self._children = [self._spawn(number) for number in range(count)]

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [child.process.pid for child in self._children]

    def _spawn(self, number: int) -> _Child:
        log_path = self._folder / f"worker-{number}.log"
        with log_path.open("ab") as log:
            process = _start([self._module, "--stop-with-parent"], log, self._environment)
        return _Child(process, time.monotonic(), log_path)

    def check(self) -> None:
        """Replace workers that died. Raises FatalError where they die again and again."""
        for number, child in enumerate(self._children):
            if child.process.poll() is None:
                if time.monotonic() - child.started > RAPID_SECONDS:
                    self._rapid = 0
                continue
            self.deaths += 1
            lived = time.monotonic() - child.started
            self._rapid = self._rapid + 1 if lived < RAPID_SECONDS else 1
            if self._rapid >= RAPID_DEATHS or _refused(child.process.returncode):
                raise FatalError(
                    f"the worker process does not stay alive ({_ending(child.process)}). "
                    f"Its last words:\n{tail(child.log)}"
                )
            self._children[number] = self._spawn(number)

    def stop(self) -> None:
        """End all workers; the next run takes up their unfinished units."""
        for child in self._children:
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        for child in self._children:
            _stop(child.process)
        shutil.rmtree(self._folder, ignore_errors=True)


def _refused(code: int | None) -> bool:
    """Whether the worker itself refused to run (settings, imports): it was not killed."""
    return code is not None and code > 0


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


@contextmanager
def worker_pool(
    count: int, broker_url: str, environment: dict[str, str], *, module: str = "workers"
) -> Iterator[WorkerPool]:
    """Run workers while the block runs; ``module`` is the Python module of each."""
    pool = WorkerPool(count, broker_url, environment, module=module)
    try:
        yield pool
    finally:
        pool.stop()
