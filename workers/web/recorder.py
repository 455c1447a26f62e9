"""The recorder: the pipe to the program that checks and records answers, and matches anew.

One JSON object per line. This process writes requests with a number to the one end, and reads what
became of them, by that number, from the other. The end of the pipe ends this process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import IO, Any

from headcount.errors import FatalError

SECONDS = 120.0
"""Time for an answer to be recorded: on S3 the first one in a large archive takes long."""

Told = Callable[[dict[str, Any]], None]


@dataclass
class Recorder:
    """Sends requests and waits for their replies; for several threads."""

    to: IO[str]
    _waiting: dict[int, tuple[Future[dict[str, Any]], Told | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def tell(self, message: Mapping[str, Any]) -> None:
        """Write a line that wants no reply."""
        with self._lock:
            self._write(message)

    def apply(self, lines: list[dict[str, str]], *, sure: bool) -> dict[str, Any]:
        """Record the answers of lines. Raises FatalError with the reason where none was.

        Unless ``sure``, nothing is where a new name looks like a known one: `look_alike` tells it.
        """
        return self._result(self._ask({"do": "apply", "lines": lines, "sure": sure}))

    def undo(self, ids: list[str]) -> dict[str, Any]:
        """Take answers back."""
        return self._result(self._ask({"do": "undo", "ids": ids}))

    def rematch(self, progress: Told) -> Future[dict[str, Any]]:
        """Match anew; ``progress`` is called with each line about how far it is."""
        return self._ask({"do": "rematch"}, progress)

    def note(self, action: str, subject: str) -> None:
        """Have a line about something that was looked at written to the audit log."""
        self._ask({"do": "note", "action": action, "subject": subject})

    def listen(self, source: IO[str]) -> None:
        """Take replies until the pipe ends; whoever waits then gets an error."""
        for line in source:
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError):
                continue
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        for future, _ in waiting:
            future.set_exception(FatalError("headcount review has ended"))

    def _take(self, message: dict[str, Any]) -> None:
        number = int(message["id"])
        with self._lock:
            future, told = self._waiting.get(number, (None, None))
            if future is not None and "progress" not in message:
                del self._waiting[number]
        if future is None:
            return
        if "progress" not in message:
            future.set_result(message)
        elif told is not None:
            told(message)

    def _ask(self, request: dict[str, Any], told: Told | None = None) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            self._number += 1
            self._waiting[self._number] = future, told
            self._write({"id": self._number, **request})
        return future

    def _write(self, message: Mapping[str, Any]) -> None:
        try:
            self.to.write(json.dumps(message) + "\n")
            self.to.flush()
        except (BrokenPipeError, ValueError) as error:
            raise FatalError("headcount review has ended") from error

    @staticmethod
    def _result(future: Future[dict[str, Any]]) -> dict[str, Any]:
        return reply_of(future, SECONDS)


def reply_of(future: Future[dict[str, Any]], seconds: float | None = None) -> dict[str, Any]:
    """The reply to a request. Raises FatalError with the reason where it failed."""
    try:
        message = future.result(seconds)
    except TimeoutError as error:
        raise FatalError("recording takes too long: look at the terminal") from error
    if "error" in message:
        raise FatalError(str(message["error"]))
    return message
