"""Sixty kinds of bytes that lie in a queue of headcount's and are not headcount's messages."""

import base64
import copy
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

Message = dict[str, Any]

OURS = {"version": 1, "archive": "file:///nowhere/", "job_id": "j1", "unit": "prepare"}


def body(*parts: Any) -> str:
    """The body of a Celery message."""
    return base64.b64encode(json.dumps(parts).encode()).decode()


def message(task: str = "headcount.prepare", content: Any = OURS) -> Message:
    """A message as headcount sends it."""
    number = secrets.token_hex(16)
    return {
        "body": body([], {"message": content}, {"callbacks": None, "errbacks": None}),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": number,
            "root_id": number,
            "retries": 0,
            "timelimit": [None, None],
            "argsrepr": "()",
            "kwargsrepr": "{}",
        },
        "properties": {
            "correlation_id": number,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "embed", "routing_key": "embed"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": secrets.token_hex(16),
        },
    }


def _changed(change: Callable[[Message], object]) -> bytes:
    made = copy.deepcopy(message())
    change(made)
    return json.dumps(made).encode()


def _put(path: str, value: Any) -> bytes:
    """A message of ours with another value at a path such as headers.task."""
    *folders, name = path.split(".")

    def change(made: Message) -> None:
        for folder in folders:
            made = made[folder]
        made[name] = value

    return _changed(change)


def _without(path: str) -> bytes:
    *folders, name = path.split(".")

    def change(made: Message) -> None:
        for folder in folders:
            made = made[folder]
        del made[name]

    return _changed(change)


def _texts() -> Iterator[bytes]:
    """Bytes that are no JSON."""
    yield from (b"", b"\x00", b"\xff\xfe\xfd", b"hello", b"{", b"[1, 2", b"'single'", b"\n\n")
    yield "grüße".encode("latin-1")
    yield "text".encode("utf-16")
    yield b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00"  # a pickle
    yield b"\x82\xa4body\xa1x"  # msgpack
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # gzip
    yield b"[" * 50_000
    yield b'{"body": "\xff"}'
    yield secrets.token_bytes(100_000)


def _forms() -> Iterator[bytes]:
    """JSON that is no message of Celery's."""
    for value in (None, True, 7, 1.5, "text", [], [1, 2], {}, {"task": "x"}, {"body": None}):
        yield json.dumps(value).encode()
    yield b"NaN"
    yield b'{"body": 1e999}'
    yield b'{"__type__": "datetime", "__value__": "yesterday"}'
    for path in ("body", "headers", "properties", "content-type", "content-encoding"):
        yield _without(path)
    for path in ("task", "id"):
        yield _without(f"headers.{path}")
    for path in ("delivery_tag", "delivery_info", "body_encoding"):
        yield _without(f"properties.{path}")
    yield _without("properties.delivery_info.exchange")
    yield _put("headers", None)
    yield _put("headers", [])
    yield _put("properties", "text")
    yield _put("properties.delivery_tag", {"no": "tag"})
    yield _put("properties.priority", "high")
    yield _put("content-type", "application/x-python-serialize")
    yield _put("content-encoding", "utf-7")
    yield _put("body", 7)
    yield _put("body", "!!! no base64 !!!")
    yield _put("body", base64.b64encode(b"\xff\xff").decode())
    yield _put("body", body())
    yield _put("headers.eta", "tomorrow")
    yield _put("headers.expires", {"in": 5})
    yield _put("headers.timelimit", "long")
    yield _put("headers.compression", "application/x-gzip")


def _tasks() -> Iterator[bytes]:
    """Messages of other programs that use Celery too."""
    for name in ("other.task", "", "celery.chord", "headcount"):
        yield json.dumps(message(name)).encode()
    yield json.dumps(message(content="text")).encode()
    yield json.dumps(message(content={"archive": "x", "job_id": "../../etc", "unit": "y"})).encode()
    yield json.dumps(message(content=OURS | {"unit": "embed-../../etc"})).encode()
    yield _put("body", body([1], {"message": OURS}, {}))
    yield _put("body", body([], {"message": OURS}, {"chain": [{"task": "other.task"}]}))
    yield _put("body", body([], ["message"], None))


def kinds() -> list[bytes]:
    """All of them, made anew; each begins a run of the worker's in its own way."""
    return [*_texts(), *_forms(), *_tasks()]
