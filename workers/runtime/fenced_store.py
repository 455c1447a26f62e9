"""A store to which a unit writes only while it is still allowed to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from headcount.contract.forgotten import CONFIRMED_SECONDS
from headcount.storage.base import Blob, ObjectInfo, Store


class FencedStore:
    """A store that confirms each write first: ``confirm`` raises where it is not allowed.

    A confirmation holds for CONFIRMED_SECONDS.
    """

    def __init__(self, confirm: Callable[[], None], store: Store) -> None:
        self._ask = confirm
        self._store = store
        self._confirmed = float("-inf")

    def _confirm(self) -> None:
        moment = time.monotonic()
        if moment - self._confirmed >= CONFIRMED_SECONDS:
            self._ask()
            self._confirmed = moment

    @property
    def uri(self) -> str:
        """The store's URI."""
        return self._store.uri

    def check(self) -> None:
        """Raise unless the store can be reached."""
        self._store.check()

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects below a prefix, in key order."""
        return self._store.list(prefix, start_after=start_after)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Yield the folders below a prefix."""
        return self._store.folders(prefix)

    def stat(self, key: str) -> ObjectInfo:
        """An object's size, etag and time."""
        return self._store.stat(key)

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """Read an object."""
        return self._store.get(key, limit=limit)

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """Read a part of an object."""
        return self._store.get_range(key, offset, length, etag=etag)

    def put(self, key: str, data: bytes) -> str:
        """Write an object, if confirmed."""
        self._confirm()
        return self._store.put(key, data)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object if it is not there, if confirmed."""
        self._confirm()
        return self._store.put_new(key, data)

    def put_file(self, key: str, path: Path) -> str:
        """Write a file as an object, if confirmed."""
        self._confirm()
        return self._store.put_file(key, path)

    def delete(self, key: str) -> None:
        """Remove an object, if confirmed."""
        self._confirm()
        self._store.delete(key)

    def clear_leftovers(self, folder: str = "", *, below: bool = True) -> None:
        """See Store."""
        self._confirm()
        self._store.clear_leftovers(folder, below=below)
