"""The page's own process, and the pipe to it: a child that asks for what is to be recorded.

The child writes JSON lines to its standard output and reads the replies from its standard input.
When this process ends, also by kill -9, the pipe closes and the child exits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from headcount.errors import FatalError

Message = dict[str, Any]

STOP_SECONDS = 3.0
"""Time for the child to end by itself before it is killed."""


@dataclass
class Page:
    """A page's process. Several threads may reply."""

    process: subprocess.Popen[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def messages(self) -> Iterator[Message]:
        """Yield what the child says, until it ends. Raises FatalError where it failed."""
        for line in self.process.stdout or ():
            with suppress(ValueError):
                yield json.loads(line)
        if self.process.wait():
            raise FatalError("the page ended: its last words are above")

    def reply(self, message: Mapping[str, Any]) -> None:
        """Send the child a reply; one that has gone needs none."""
        with self._lock, suppress(OSError, ValueError):
            to: IO[str] | None = self.process.stdin
            if to is not None:
                to.write(json.dumps(message) + "\n")
                to.flush()


@contextmanager
def start_page(arguments: Sequence[str]) -> Iterator[Page]:
    """Run the page's process while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", "review", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=dict(os.environ) | {"MALLOC_ARENA_MAX": "2"},
        start_new_session=True,  # Ctrl-C is for us, who then end it in order
    )
    try:
        yield Page(process)
    finally:
        with suppress(OSError):
            if process.stdin:
                process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()
