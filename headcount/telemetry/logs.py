"""Logging: text or JSON lines, each bound to the job, shard and attempt it is about."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from headcount.text import printable, printable_json

_bound: ContextVar[dict[str, str | int] | None] = ContextVar("bound", default=None)

TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s%(about)s"


@contextmanager
def bound(**about: str | int) -> Iterator[None]:
    """Add the job, shard and attempt to every line logged meanwhile in this thread."""
    token = _bound.set((_bound.get() or {}) | about)
    try:
        yield
    finally:
        _bound.reset(token)


class _About(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        about = _bound.get() or {}
        record.bound = about
        record.about = " [" + " ".join(f"{k}={v}" for k, v in about.items()) + "]" if about else ""
        return True


class TextLines(logging.Formatter):
    """A formatter: a line of text, harmless for a terminal whatever keys of photos hold."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and those of a traceback."""
        return "\n".join(map(printable, super().format(record).split("\n")))


class JsonLines(logging.Formatter):
    """A formatter: one JSON object a line with time, level, logger, message, subject, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "bound", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return printable_json(json.dumps(line, ensure_ascii=False))


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Log to standard error, once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_About())
    handler.setFormatter(JsonLines() if form == "json" else TextLines(TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
