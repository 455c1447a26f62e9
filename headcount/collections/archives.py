"""A folder and the members of its tar and ZIP files, which are photos among its own."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from heapq import heappop, heappush

from headcount.collections.indexed import Container
from headcount.collections.places import container_of, is_container
from headcount.errors import ObjectError, ObjectMissing
from headcount.storage.base import Blob, ObjectInfo, Reader

CONTAINERS_KEPT = 16
INDEXING = 4
"""Containers that are indexed at once."""
AHEAD = 8
"""Objects that a listing looks ahead for containers to index."""


class FolderOfArchives:
    """The objects of a folder, and the members of its containers as ``shard-01.tar/0001.jpg``.

    A container is listed itself only where it is damaged. What lies in a folder that is called
    like a container beside it cannot be told from the container's members, and is left out.
    """

    def __init__(self, reader: Reader, open_container: Callable[[str], Container]) -> None:
        self._reader = reader
        self._open_container = open_container
        self._containers: OrderedDict[str, Container] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """The folder's URI."""
        return self._reader.uri

    def check(self) -> None:
        """Raise FatalError unless the folder is there and may be listed."""
        self._reader.check()

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object and every member, in the order of their keys."""
        within = container_of(prefix)
        base = within if within is not None else prefix
        for info in self._all(base):
            if info.key.startswith(prefix) and info.key > start_after:
                yield info

    def stat(self, key: str) -> ObjectInfo:
        """One object's or member's info. Raises ObjectMissing, ObjectDenied."""
        found = self._member(key)
        if found is None:
            return self._reader.stat(key)
        container, member = found
        return replace(container.stat(member), key=key)

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """One object or member. Raises ObjectError."""
        if is_container(key) and container_of(key) is None:
            fault = self._container(key).fault()
            if fault is not None:
                fault.require_readable(self.uri + key)
        found = self._member(key)
        if found is None:
            return self._reader.get(key, limit=limit)
        container, member = found
        return container.get(member, limit=limit)

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``."""
        found = self._member(key)
        if found is None:
            return self._reader.get_range(key, offset, length, etag=etag)
        container, member = found
        return container.get_range(member, offset, length, etag=etag)

    def _all(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object and member in order, from ``prefix`` on; may give more."""
        waiting: list[tuple[str, str]] = []  # members sort as "a.tar/...", after "a.tar-2.jpg"
        inside = "/"
        with ThreadPoolExecutor(INDEXING, "index") as pool:
            for info, indexed in self._indexed_ahead(self._reader.list(prefix), pool):
                while waiting and waiting[0][0] < info.key:
                    inside, key = heappop(waiting)
                    yield from self._members(key)
                if info.key.startswith(inside):
                    continue
                if indexed is None:
                    yield info
                    continue
                fault = indexed.result()
                if fault is not None:
                    yield fault
                heappush(waiting, (info.key + "/", info.key))
            while waiting:
                yield from self._members(heappop(waiting)[1])

    def _indexed_ahead(
        self, listing: Iterable[ObjectInfo], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[ObjectInfo, Future[ObjectInfo | None] | None]]:
        """The objects, with the indexing of each container begun some objects before its turn."""
        queue: deque[tuple[ObjectInfo, Future[ObjectInfo | None] | None]] = deque()
        for info in listing:
            inside = is_container(info.key) and container_of(info.key) is None
            queue.append((info, pool.submit(self._fault, info) if inside else None))
            if len(queue) > AHEAD:
                yield queue.popleft()
        yield from queue

    def _fault(self, info: ObjectInfo) -> ObjectInfo | None:
        """The entry of the container itself, where it cannot be read as it should."""
        try:
            fault = self._container(info.key).fault()
        except ObjectError:
            return info
        return None if fault is None else info

    def _members(self, key: str) -> Iterator[ObjectInfo]:
        try:
            members = self._container(key).members()
        except ObjectError:  # said of the container itself
            return
        for info in members:
            yield replace(info, key=f"{key}/{info.key}")

    def _member(self, key: str) -> tuple[Container, str] | None:
        """The container and the member that a key names; None where it names an object."""
        name = container_of(key)
        if name is None:
            return None
        container = self._container(name)
        try:
            container.fault()
        except ObjectMissing:  # a folder that is called like a container
            return None
        return container, key[len(name) + 1 :]

    def _container(self, key: str) -> Container:
        with self._lock:
            if key not in self._containers:
                self._containers[key] = self._open_container(key)
            self._containers.move_to_end(key)
            if len(self._containers) > CONTAINERS_KEPT:
                self._containers.popitem(last=False)
            return self._containers[key]
