"""MemoryStore: a store in this process's memory, for tests; it behaves as S3 does."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from headcount.errors import (
    ObjectChanged,
    ObjectDenied,
    ObjectMissing,
    ObjectTooLarge,
    TransientError,
)
from headcount.storage.base import Blob, ObjectInfo
from headcount.storage.keys import require_key


class MemoryStore:
    """Objects in a dictionary. ``deny`` and ``fail`` make it behave badly, for tests of that."""

    def __init__(self, uri: str = "memory://store/") -> None:
        self._uri = uri
        self._objects: dict[str, bytes] = {}
        self._denied: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """The URI it was made with."""
        return self._uri

    def deny(self, key: str) -> None:
        """Make every reading of ``key`` raise ObjectDenied."""
        self._denied.add(key)

    def fail(self, key: str, times: int = 1) -> None:
        """Make the next ``times`` calls that touch ``key`` raise TransientError."""
        self._failures[key] += times

    def check(self) -> None:
        """Do nothing: it is always there."""

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object at this moment; see Store.list."""
        with self._lock:
            objects = dict(self._objects)
        for key in sorted(objects):  # code points sort as their UTF-8 bytes do
            if key.startswith(prefix) and key > start_after:
                yield _info(key, objects[key])

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The names of the folders directly below; see Store.folders."""
        below = (info.key.removeprefix(prefix) for info in self.list(prefix))
        yield from sorted({key.split("/")[0] for key in below if "/" in key})

    def stat(self, key: str) -> ObjectInfo:
        """One object's info. Raises ObjectMissing, ObjectDenied."""
        return _info(key, self._read(key))

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """The whole object. Raises ObjectMissing, ObjectDenied, ObjectTooLarge."""
        data = self._read(key)
        if limit is not None and len(data) > limit:
            raise ObjectTooLarge(self._uri + key, f"{len(data)} bytes, {limit} allowed")
        return Blob(data, _etag(data))

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``; see Reader.get_range."""
        data = self._read(key)
        if etag and etag != _etag(data):
            raise ObjectChanged(self._uri + key)
        return data[offset : offset + length]

    def put(self, key: str, data: bytes) -> str:
        """Write an object; returns its etag."""
        with self._lock:
            self._touch(key)
            self._objects[key] = bytes(data)
        return _etag(data)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none."""
        with self._lock:
            self._touch(key)
            if key in self._objects:
                return False
            self._objects[key] = bytes(data)
            return True

    def put_file(self, key: str, path: Path) -> str:
        """Write an object from a local file; returns its etag."""
        return self.put(key, path.read_bytes())

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with self._lock:
            self._touch(key)
            self._objects.pop(key, None)

    def clear_leftovers(self, folder: str = "", *, below: bool = True) -> None:
        """Do nothing: no write leaves anything behind."""

    def _read(self, key: str) -> bytes:
        with self._lock:
            self._touch(key)
            if key in self._denied:
                raise ObjectDenied(self._uri + key)
            if key not in self._objects:
                raise ObjectMissing(self._uri + key)
            return self._objects[key]

    def _touch(self, key: str) -> None:
        require_key(self._uri, key)
        if self._failures[key] > 0:
            self._failures[key] -= 1
            raise TransientError(f"{self._uri}{key}: made to fail")


def _info(key: str, data: bytes) -> ObjectInfo:
    return ObjectInfo(key, _etag(data), len(data))


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
