"""The protocols of a place of objects: a Reader reads them, a Store writes them too.

Buckets and directories do both; tar and ZIP files and lists of photos can only be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object: its key relative to the store's URI, a tag that changes with it, its bytes.

    ``taken`` is what a list of photos says of when it was taken; empty where none does. It is no
    part of the object: two infos that differ in it are equal.
    """

    key: str
    etag: str
    size: int
    taken: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of an object and the etag they were read under."""

    data: bytes
    etag: str


class Reader(Protocol):
    """Objects under one URI. Keys are relative to it, with ``/`` between their parts.

    Every method may raise TransientError (a hiccup: try again) and FatalError (no such bucket
    or directory, refused credentials: the message says what to do). Instances may be used from
    many threads.
    """

    @property
    def uri(self) -> str:
        """The canonical URI, ending in ``/``: ``s3://bucket/prefix/`` or ``file:///dir/``."""
        ...

    def check(self) -> None:
        """Raise FatalError unless the bucket or directory is there and may be listed."""
        ...

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with ``prefix``, in UTF-8 byte order of the keys.

        Streams page by page. Only keys greater than ``start_after`` are given. Markers of empty
        folders are no objects.
        """
        ...

    def stat(self, key: str) -> ObjectInfo:
        """One object's info. Raises ObjectMissing, ObjectDenied."""
        ...

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """The whole object. Raises ObjectMissing, ObjectDenied, ObjectTooLarge, ObjectError.

        With ``limit``, an object of more bytes is refused before its body is read.
        """
        ...

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``. Raises ObjectMissing, ObjectDenied.

        With ``etag``, raises ObjectChanged where the object is no longer the one with that etag.
        """
        ...


class Store(Reader, Protocol):
    """A reader that can be written to."""

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The names of the folders directly below ``prefix``, sorted, without what is in them.

        ``prefix`` is empty or ends in ``/``. Some S3 servers keep a folder of which the last object
        was removed.
        """
        ...

    def put(self, key: str, data: bytes) -> str:
        """Write an object atomically (readers see the old or the new one); returns its etag."""
        ...

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none; False if there was one. Atomic.

        After a TransientError the object may be there: a repeated call may then say False.
        """
        ...

    def put_file(self, key: str, path: Path) -> str:
        """Write an object from a local file, atomically; returns its etag."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    def clear_leftovers(self, folder: str = "", *, below: bool = True) -> None:
        """Remove half-written files of killed writers in a folder, and ``below`` it.

        ``folder`` is empty or ends in ``/``. Nobody may write there meanwhile. Stores whose writes
        leave nothing behind do nothing.
        """
        ...
