"""DirectoryStore: the files below a directory as objects."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from headcount.errors import (
    FatalError,
    ObjectChanged,
    ObjectDenied,
    ObjectMissing,
    ObjectTooLarge,
)
from headcount.storage.base import Blob, ObjectInfo
from headcount.storage.file_names import name_of
from headcount.storage.keys import require_key
from headcount.storage.local.bounds import OUT, Bounds
from headcount.storage.local.faults import MISSING, NO_LINKS, read_error, write_error
from headcount.storage.local.files import (
    TEMPORARY,
    copy_synced,
    etag_of,
    info_of,
    keep_rights,
    sync_folder,
)
from headcount.storage.local.walk import Walk
from headcount.storage.uris import directory_uri

CHANGE_PAUSES = (0.05, 0.5)
"""Seconds to wait for whoever writes to a file that is being read, before each further try."""


class DirectoryStore:
    """The files below ``root``. Symbolic links are followed, except into a folder being walked.

    With ``bounds`` no link leads out of these places.

    Fifos, sockets, devices and headcount's own temporary files are no objects. A root that is
    not there holds nothing (``check`` says so); the first write makes it.
    """

    def __init__(self, root: Path, *, bounds: tuple[str, ...] = ()) -> None:
        self._root = os.fsencode(root)
        self._uri = directory_uri(root)
        self._bounds = Bounds(bounds)
        self._walk = Walk(self._root, self._uri, self._bounds)

    @property
    def uri(self) -> str:
        """The canonical URI: ``file:///dir/``, percent-encoded."""
        return self._uri

    def check(self) -> None:
        """Raise FatalError unless the directory is there and may be listed."""
        shown = os.fsdecode(self._root)
        try:
            with os.scandir(self._root):
                return
        except FileNotFoundError as error:
            raise FatalError(f"there is no folder {shown}: check the path") from error
        except NotADirectoryError as error:
            raise FatalError(f"{shown} is not a folder: name the folder it lies in") from error
        except PermissionError as error:
            raise FatalError(f"the folder {shown} may not be listed: permission denied") from error
        except OSError as error:
            raise FatalError(f"the folder {shown} cannot be listed: {error.strerror}") from error

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object, in order; see Store.list. Holds the names of one folder per level.

        Raises FatalError for a sub-folder that may not be listed, rather than lose it silently.
        """
        return self._walk.objects(prefix, start_after)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The names of the folders directly below; see Store.folders."""
        yield from self._walk.folder_names(prefix)

    def stat(self, key: str) -> ObjectInfo:
        """One object's info. Raises ObjectMissing, ObjectDenied."""
        with self._reading(key):
            path = self._path(key)
            found = os.stat(path)  # noqa: PTH116 - bytes path
            if not self._bounds.has(path):
                raise ObjectDenied(self._uri + key, OUT)
            return info_of(key, found, self._uri)

    def get(self, key: str, *, limit: int | None = None) -> Blob:
        """The whole object. Raises ObjectMissing, ObjectDenied, ObjectTooLarge, ObjectChanged."""
        for pause in CHANGE_PAUSES:
            try:
                return self._read(key, limit)
            except ObjectChanged:
                time.sleep(pause)
        return self._read(key, limit)

    def _read(self, key: str, limit: int | None) -> Blob:
        with self._opened_file(key) as file:
            info = info_of(key, os.fstat(file.fileno()), self._uri)
            if limit is not None and info.size > limit:
                raise ObjectTooLarge(self._uri + key, f"{info.size} bytes, {limit} allowed")
            data = file.read(info.size)
            after = info_of(key, os.fstat(file.fileno()), self._uri)
        if after != info or len(data) != info.size:
            raise ObjectChanged(self._uri + key, "was written to while it was read")
        return Blob(data, info.etag)

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``; see Reader.get_range."""
        with self._opened_file(key) as file:
            file.seek(offset)
            data = file.read(length)
            if etag and etag != etag_of(os.fstat(file.fileno())):
                raise ObjectChanged(self._uri + key)
        return data

    def put(self, key: str, data: bytes) -> str:
        """Write an object atomically; returns its etag. It is on disk when this returns."""
        return self._write(key, BytesIO(data))

    def put_file(self, key: str, path: Path) -> str:
        """Write an object from a local file, atomically; returns its etag."""
        try:
            source = path.open("rb")
        except OSError as error:
            raise FatalError(f"cannot read {path}: {error.strerror}") from error
        with source:
            return self._write(key, source)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none; False if there was one. Atomic.

        Needs hard links: raises FatalError on file systems that have none (FAT, exFAT).
        """
        target = self._path(key)
        if os.path.lexists(target):
            return False
        with self._temporary(key, target, BytesIO(data)) as temporary:
            return self._link(key, temporary, target)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._unlink(self._path(key), key)

    def clear_leftovers(self, folder: str = "", *, below: bool = True) -> None:
        """Remove half-written files of killed writers in a folder, and below it.

        Nobody may write there meanwhile.
        """
        top = os.path.join(self._root, name_of(folder))  # noqa: PTH118 - bytes path
        self._bounds.require_target(top, self._uri + folder)
        for path, folders, names in os.walk(top):
            for name in filter(TEMPORARY.fullmatch, names):
                self._unlink(os.path.join(path, name), folder)  # noqa: PTH118 - bytes path
            if not below:
                folders.clear()

    def _unlink(self, path: bytes, key: str) -> None:
        self._bounds.require_target(path, self._uri + key)
        try:
            os.unlink(path)  # noqa: PTH108 - bytes path
        except OSError as error:
            if error.errno not in MISSING:
                raise write_error(error, self._uri + key) from error

    def _path(self, key: str) -> bytes:
        require_key(self._uri, key)
        name = name_of(key)
        if TEMPORARY.fullmatch(name.rpartition(b"/")[2]):
            raise FatalError(f"{key!r} cannot be a key below {self._uri}: the name is reserved")
        return os.path.join(self._root, name)  # noqa: PTH118 - bytes path

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise read_error(error, self._uri + key) from error

    @contextmanager
    def _opened_file(self, key: str) -> Iterator[BinaryIO]:
        path = self._path(key)
        with self._reading(key):
            # Without O_NONBLOCK, opening a fifo would wait for its writer.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
                self._bounds.require_file(handle, path, self._uri + key)
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ObjectMissing(self._uri + key, "not a file")
                yield file

    def _write(self, key: str, source: BinaryIO) -> str:
        target = self._path(key)
        with self._temporary(key, target, source) as temporary:
            keep_rights(target, temporary)
            etag = etag_of(os.stat(temporary))  # noqa: PTH116 - bytes path
            os.replace(temporary, target)  # noqa: PTH105 - bytes path
            sync_folder(os.path.dirname(target))  # noqa: PTH120 - bytes path
        return etag

    @contextmanager
    def _temporary(self, key: str, target: bytes, source: BinaryIO) -> Iterator[bytes]:
        """A synced copy of ``source`` beside ``target``, gone afterwards; translates errors."""
        self._bounds.require_target(target, self._uri + key)
        folder = os.path.dirname(target)  # noqa: PTH120 - bytes path
        path = folder + f"/.headcount-{secrets.token_hex(8)}.tmp".encode()
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - bytes path
            copy_synced(source, path)
            yield path
        except OSError as error:
            raise write_error(error, self._uri + key) from error
        finally:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - bytes path

    def _link(self, key: str, temporary: bytes, target: bytes) -> bool:
        try:
            os.link(temporary, target)  # bytes path
        except FileExistsError:
            # NFS answers so, too, when it did the work and its first answer was lost.
            return os.stat(temporary).st_nlink > 1  # noqa: PTH116 - bytes path
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            raise FatalError(
                f"cannot write {self._uri}{key}: this file system has no hard links, which "
                "headcount needs to write safely; choose a folder on another disk"
            ) from error
        sync_folder(os.path.dirname(target))  # noqa: PTH120 - bytes path
        return True
