"""Collections whose photos are found by an index: a tar or ZIP file, or a manifest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import Protocol

from headcount.collections.entries import Entry
from headcount.collections.index import LISTS, Index, open_index
from headcount.collections.manifests import Manifest
from headcount.collections.rows import Rows
from headcount.errors import (
    FatalError,
    ObjectChanged,
    ObjectError,
    ObjectMissing,
    ObjectTooLarge,
)
from headcount.storage.base import Blob, ObjectInfo, Reader, Store

TRIES = 3
"""Readings of a container that changes meanwhile, before it is given up."""
LOOKING_UP = 32
"""Rows of a manifest whose size and etag are asked for at once."""
STORES_KEPT = 64


class Format(Protocol):
    """One kind of container: how to check, index and read it."""

    def check(self, reader: Reader, container: ObjectInfo) -> str | None:
        """The fault of a file, in words, as far as its first bytes show."""
        ...

    def scan(self, reader: Reader, container: ObjectInfo) -> Iterable[Entry]:
        """Its members, in any order, in bounded memory."""
        ...

    def read(self, reader: Reader, container: ObjectInfo, entry: Entry) -> bytes:
        """A member's bytes. Raises ObjectError."""
        ...

    def target(self, entry: Entry) -> str | None:
        """The key of the member that an entry stands for, where it has no bytes of its own."""
        ...


class Container:
    """The members of one tar or ZIP file as objects. Its index is kept in ``indexes``."""

    def __init__(self, reader: Reader, key: str, form: Format, indexes: Store) -> None:
        self._reader = reader
        self._key = key
        self._form = form
        self._indexes = indexes
        self._opened: tuple[ObjectInfo, Index] | None = None
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """The container's URI and a slash."""
        return f"{self._reader.uri}{self._key}/"

    def check(self) -> None:
        """Raise FatalError unless it is there and a file of its kind."""
        try:
            wrong = self._form.check(self._reader, self._reader.stat(self._key))
        except ObjectError as error:
            raise FatalError(f"cannot read the collection: {error}") from error
        if wrong is not None:
            raise FatalError(f"cannot read the collection {self.uri[:-1]}: {wrong}")

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every member, in order, and under its own name the container, where it is damaged."""
        name = self._key.rpartition("/")[2]
        fault = self.fault()
        own = []
        if fault and name.startswith(prefix) and name > start_after:
            own = [replace(fault.info, key=name)]
        members = self.members(prefix, start_after)
        yield from merge(own, members, key=lambda info: info.key)

    def members(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        """Every member, in order."""
        _, index = self._open()
        return (entry.info for entry in index.entries(prefix, start_after) if entry.key)

    def fault(self) -> Entry | None:
        """The fault of the container as a whole."""
        return self._open()[1].find("")

    def stat(self, key: str) -> ObjectInfo:
        """One member's info. Raises ObjectMissing."""
        return self._find(key)[2].info

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """A whole member. Raises ObjectError; ObjectTooLarge before anything is unpacked."""
        for _ in range(TRIES - 1):
            try:
                return self._get(key, limit)
            except ObjectChanged:
                self._forget()
        return self._get(key, limit)

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``; reads the whole member."""
        blob = self.get(key)
        if etag and etag != blob.etag:
            raise ObjectChanged(self.uri + key)
        return blob.data[offset : offset + max(0, length)]

    def _get(self, key: str, limit: int | None) -> Blob:
        container, index, entry = self._find(key)
        etag = entry.etag
        target = self._form.target(entry)
        if target is not None:
            found = index.find(target)
            if found is None or self._form.target(found) is not None:
                raise ObjectMissing(self.uri + key, f"a link to {target}, which is not there")
            entry = found
        entry.require_readable(self.uri + key)
        if limit is not None and entry.size > limit:
            raise ObjectTooLarge(self.uri + key, f"{entry.size} bytes, {limit} allowed")
        return Blob(self._form.read(self._reader, container, entry), etag)

    def _find(self, key: str) -> tuple[ObjectInfo, Index, Entry]:
        container, index = self._open()
        own = self._key.rpartition("/")[2]
        entry = index.find(key) or (index.find("") if key == own else None)
        if entry is None or not key:
            raise ObjectMissing(self.uri + key)
        return container, index, entry

    def _open(self) -> tuple[ObjectInfo, Index]:
        with self._lock:
            if self._opened is None:
                container = self._reader.stat(self._key)

                def scan() -> Iterable[Entry]:
                    return self._form.scan(self._reader, container)

                index = open_index(self._indexes, self.uri, container, scan)
                self._opened = container, index
            return self._opened

    def _forget(self) -> None:
        with self._lock:
            self._opened = None


class Listed:
    """The photos that a manifest lists, wherever they lie."""

    def __init__(
        self,
        reader: Reader,
        key: str,
        manifest: Manifest,
        indexes: Store,
        rows: Rows,
    ) -> None:
        self._reader = reader
        self._key = key
        self._manifest = manifest
        self._indexes = indexes
        self._rows = rows
        self._readers: OrderedDict[str, Reader] = OrderedDict()
        self._index: Index | None = None
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """The manifest's URI and a slash."""
        return f"{self._reader.uri}{self._key}/"

    def check(self) -> None:
        """Raise FatalError unless the manifest is there and can be understood."""
        try:
            wrong = self._manifest.check(self._reader, self._reader.stat(self._key))
        except ObjectError as error:
            raise FatalError(f"cannot read the collection: {error}") from error
        if wrong is not None:
            raise FatalError(wrong)

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every photo, in the order of the keys; those of unknown etag or size are looked up.

        A photo that is not there, or may not be read, is listed all the same.
        """
        entries = self._opened().entries(prefix, start_after)
        with ThreadPoolExecutor(LOOKING_UP, "look-up") as pool:
            while part := list(islice(entries, 8 * LOOKING_UP)):
                looked_up = pool.map(self._look_up, (e for e in part if not _is_known(e)))
                yield from (e.info if _is_known(e) else next(looked_up) for e in part)

    def stat(self, key: str) -> ObjectInfo:
        """One photo's info. Raises ObjectMissing, ObjectDenied."""
        reader, there = self._place(key)
        return replace(reader.stat(there), key=key, taken=self.taken(key))

    def taken(self, key: str) -> str:
        """When a photo was taken, as the list says it; empty where it says nothing."""
        entry = self._opened().find(key)
        return entry.taken if entry else ""

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """One photo. Raises ObjectError."""
        reader, there = self._place(key)
        return reader.get(there, limit=limit)

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``."""
        reader, there = self._place(key)
        return reader.get_range(there, offset, length, etag=etag)

    def _look_up(self, entry: Entry) -> ObjectInfo:
        try:
            found = self.stat(entry.key)
        except ObjectError as error:
            return ObjectInfo(entry.key, error.outcome.value, 0, entry.taken)
        return ObjectInfo(entry.key, entry.etag or found.etag, found.size, entry.taken)

    def _place(self, key: str) -> tuple[Reader, str]:
        entry = self._opened().find(key)
        if entry is None:
            raise ObjectMissing(self.uri + key)
        entry.require_readable(self.uri + key)
        store, there = self._rows.place(*(str(part) for part in entry.place))
        with self._lock:
            if store not in self._readers:
                self._readers[store] = self._rows.open(store)
            self._readers.move_to_end(store)
            if len(self._readers) > STORES_KEPT:
                self._readers.popitem(last=False)
            return self._readers[store], there

    def _opened(self) -> Index:
        with self._lock:
            if self._index is None:
                container = self._reader.stat(self._key)
                self._index = open_index(
                    self._indexes,
                    self.uri,
                    container,
                    lambda: self._manifest.scan(self._reader, container),
                    form=LISTS,
                )
            return self._index


def said_taken(collection: Reader, key: str) -> str:
    """When a photo was taken, as its list says it; empty without a list, or where that is gone."""
    try:
        return collection.taken(key) if isinstance(collection, Listed) else ""
    except ObjectError:
        return ""


def _is_known(entry: Entry) -> bool:
    """Whether nothing about a photo has to be looked up."""
    return entry.fault is not None or bool(entry.etag and entry.size)
