"""Messages as they lie in Redis: headcount's own, another version's, or foreign to it.

kombu and Celery read whatever lies in a queue, and a worker ends where they cannot. So each
message is read here first, as strictly as they need it.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kombu.utils.json import loads
from pydantic import BaseModel, Field, ValidationError, field_validator

from headcount.broker.queues import TASKS
from headcount.contract.messages import OtherVersion, UnitMessage

FOREIGN = ("bytes", "form", "task")
"""Kinds of foreign messages: bytes that are no JSON, JSON that is no message of Celery's, another
program's task."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
"""Errors of taking apart JSON of any form."""


class ForeignMessage(Exception):
    """The message is not headcount's."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        """One of FOREIGN."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message for workers in its envelope."""

    message: dict[str, Any]
    known: bool
    """Whether this version of headcount knows its task and its form."""


class _Delivery(BaseModel):
    exchange: str
    routing_key: str


class _Properties(BaseModel):
    delivery_tag: str
    delivery_info: _Delivery
    body_encoding: Literal["base64"]
    priority: int = 0


class _Headers(BaseModel):
    task: str
    id: str
    eta: str | None = None
    expires: str | None = None
    retries: int | None = 0
    timelimit: tuple[float | None, float | None] = (None, None)
    compression: None = None

    @field_validator("eta", "expires")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            datetime.fromisoformat(value)
        return value


class _Form(BaseModel):
    """The parts of a message that kombu and Celery lean on."""

    body: str
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: Literal["utf-8"] = Field(alias="content-encoding")
    headers: _Headers
    properties: _Properties


def read(raw: bytes) -> Envelope:
    """Read a message that was taken from a queue. Raises ForeignMessage."""
    try:
        envelope = loads(raw.decode())
    except Exception as error:  # kombu's JSON knows types of its own, each fails in its own way
        raise ForeignMessage("bytes", "it is no JSON in UTF-8") from error
    try:
        form = _Form.model_validate(envelope)
        arguments, keywords, more = loads(base64.b64decode(form.body, validate=True).decode())
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ForeignMessage("form", f"it is no message of Celery's: {where or 'form'}") from error
    except Exception as error:
        raise ForeignMessage("form", "its body cannot be read") from error
    if arguments or any((more or {}).values() if isinstance(more, dict) else [more]):
        raise ForeignMessage("task", f"the task {form.headers.task[:80]} has other arguments")
    return _unpack(form.headers.task, keywords)


def _unpack(task: str, keywords: Any) -> Envelope:
    """The envelope of a task's keywords. Raises ForeignMessage for another program's task."""
    message = keywords.get("message") if isinstance(keywords, dict) else None
    if isinstance(message, dict):
        if task in TASKS.values() and len(keywords) == 1 and _fits(UnitMessage, message):
            return Envelope(message, known=True)
        if task.startswith("headcount.") and _fits(OtherVersion, message):
            return Envelope(message, known=False)
    raise ForeignMessage("task", f"the task {task[:80]} is not headcount's")


def _fits(kind: type[BaseModel], message: dict[str, Any]) -> bool:
    try:
        kind.model_validate(message)
    except ValidationError:
        return False
    return True


def message_of(raw: str) -> dict[str, Any]:
    """The headcount message inside a queued message; empty where it is not one of ours."""
    try:
        return _message(json.loads(raw))
    except UNREADABLE:
        return {}


def delivered_of(raw: str) -> tuple[str, dict[str, Any]]:
    """Queue and headcount message of a delivered message; kombu keeps (message, exchange, key)."""
    try:
        envelope, _, queue = json.loads(raw)
        return str(queue), _message(envelope)
    except UNREADABLE:
        return "", {}


def age_of(raw: str | None) -> float:
    """Seconds since a queued message was sent; 0 where there is none."""
    try:
        sent = float(json.loads(raw or "{}")["headers"]["sent"])
    except UNREADABLE:
        return 0.0
    return max(0.0, time.time() - sent)


def can_be_restored(raw: str) -> bool:
    """Whether kombu can put a delivered message back in its queue."""
    try:
        envelope, exchange, queue = json.loads(raw)
        envelope["properties"]["delivery_tag"], envelope["properties"]["delivery_info"]
    except UNREADABLE:
        return False
    return isinstance(exchange, str) and isinstance(queue, str)


def _message(envelope: Any) -> dict[str, Any]:
    body = envelope["body"]
    if envelope.get("properties", {}).get("body_encoding") == "base64":
        body = base64.b64decode(body)
    return dict(json.loads(body)[1]["message"])
