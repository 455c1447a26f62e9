r"""DirectoryStore: the files below a directory as objects, listed in the order of S3.

Names that are not UTF-8 are spelt reversibly: each stray byte is ``\xHH`` in the key, and a
backslash that would read as such an escape is ``\x5C``. Every other name is its own key.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectChanged,
    ObjectDenied,
    ObjectMissing,
    ObjectTooLarge,
    TransientError,
)
from headcount.storage.base import Blob, ObjectInfo
from headcount.storage.file_names import key_of, name_of
from headcount.storage.keys import is_portable, require_key
from headcount.storage.uris import directory_uri

DANGLING = "dangling"
"""The etag of a symbolic link that leads nowhere: it is listed, and reading it finds it missing."""

CHANGE_PAUSES = (0.05, 0.5)
"""Seconds to wait for whoever writes to a file that is being read, before each further try."""

_TEMPORARY = re.compile(rb"\.headcount-[0-9a-f]{16}\.tmp")
_CHUNK = 1 << 20
_SYSTEM_FOLDERS = frozenset(
    (
        "lost+found",
        "$RECYCLE.BIN",
        "System Volume Information",
        ".DocumentRevisions-V100",
        ".Spotlight-V100",
        ".TemporaryItems",
        ".Trashes",
        ".fseventsd",
    )
)
"""Made by operating systems at the top of a disk, often unreadable, and never holding photos."""


_MISSING = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
)
_DENIED = frozenset((errno.EACCES, errno.EPERM))
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_WRITE_FAULTS = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied: give headcount the right to write there",
    errno.EPERM: "not permitted: give headcount the right to write there",
    errno.ENOTDIR: "a file lies where a folder is needed",
    errno.EEXIST: "a file lies where a folder is needed",
    errno.EISDIR: "a folder lies where a file is needed",
    errno.ENOTEMPTY: "a folder lies where a file is needed",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EINVAL: "the file system does not take this name",
    errno.ENOENT: "the folder cannot be made",
}
_NO_LINKS = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))


def read_error(error: OSError, uri: str) -> HeadcountError:
    """What a failed read of one object means."""
    if error.errno in _MISSING:
        return ObjectMissing(uri)
    if error.errno in _DENIED:
        return ObjectDenied(uri, "permission denied")
    return TransientError(f"cannot read {uri}: {error.strerror}")


def write_error(error: OSError, uri: str) -> HeadcountError:
    """What a failed write means."""
    if error.errno in _FULL:
        return FatalError(f"disk full: cannot write {uri} ({error.strerror}); free some space")
    if error.errno in _WRITE_FAULTS:
        return FatalError(f"cannot write {uri}: {_WRITE_FAULTS[error.errno]}")
    return TransientError(f"cannot write {uri}: {error.strerror}")


@dataclass(frozen=True, slots=True)
class _Folder:
    """One open level of a walk: the key of the folder, who it is on disk, its names to come."""

    key: str
    identity: tuple[int, int]
    names: Iterator[str]


class DirectoryStore:
    """The files below ``root``. Symbolic links are followed, except into a folder being walked.

    Fifos, sockets, devices and headcount's own temporary files are no objects. A root that is
    not there holds nothing (``check`` says so); the first write makes it.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)
        self._uri = directory_uri(root)

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
        top, slash, _ = prefix.rpartition("/")
        if slash and not is_portable(top):
            return
        stack = self._opened(top + slash, prefix, start_after, ())
        while stack:
            name = next(stack[-1].names, None)
            if name is None:
                stack = stack[:-1]
            elif name.endswith("/"):
                stack = self._opened(stack[-1].key + name, prefix, start_after, stack)
            elif info := self._listed(stack[-1].key + name):
                yield info

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The names of the folders directly below; see Store.folders."""
        opened = self._opened(prefix, prefix, "", ())
        names = [name for folder in opened for name in folder.names if name.endswith("/")]
        yield from sorted(name[:-1] for name in names if any(self.list(prefix + name)))

    def stat(self, key: str) -> ObjectInfo:
        """One object's info. Raises ObjectMissing, ObjectDenied."""
        with self._reading(key):
            return _info(key, os.stat(self._path(key)), self._uri)  # noqa: PTH116 - bytes path

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
            info = _info(key, os.fstat(file.fileno()), self._uri)
            if limit is not None and info.size > limit:
                raise ObjectTooLarge(self._uri + key, f"{info.size} bytes, {limit} allowed")
            data = file.read(info.size)
            after = _info(key, os.fstat(file.fileno()), self._uri)
        if after != info or len(data) != info.size:
            raise ObjectChanged(self._uri + key, "was written to while it was read")
        return Blob(data, info.etag)

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """At most ``length`` bytes from ``offset``; see Reader.get_range."""
        with self._opened_file(key) as file:
            file.seek(offset)
            data = file.read(length)
            if etag and etag != _etag(os.fstat(file.fileno())):
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
        """Remove what writers that were killed left half-written in a folder, and below it.

        Nobody may write there meanwhile.
        """
        top = os.path.join(self._root, name_of(folder))  # noqa: PTH118 - bytes path
        for path, folders, names in os.walk(top):
            for name in filter(_TEMPORARY.fullmatch, names):
                self._unlink(os.path.join(path, name), folder)  # noqa: PTH118 - bytes path
            if not below:
                folders.clear()

    def _unlink(self, path: bytes, key: str) -> None:
        try:
            os.unlink(path)  # noqa: PTH108 - bytes path
        except OSError as error:
            if error.errno not in _MISSING:
                raise write_error(error, self._uri + key) from error

    def _path(self, key: str) -> bytes:
        require_key(self._uri, key)
        name = name_of(key)
        if _TEMPORARY.fullmatch(name.rpartition(b"/")[2]):
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
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ObjectMissing(self._uri + key, "not a file")
                yield file

    def _opened(
        self, key: str, prefix: str, start_after: str, above: tuple[_Folder, ...]
    ) -> tuple[_Folder, ...]:
        """The walk with one more folder open; as it was, if there is nothing to find in it."""
        path = os.path.join(self._root, name_of(key))  # noqa: PTH118 - bytes path
        try:
            found = os.stat(path)  # noqa: PTH116 - bytes path
            identity = (found.st_dev, found.st_ino)
            if any(folder.identity == identity for folder in above):
                return above  # a symbolic link to a folder that is being walked
            wanted = _wanted(key, prefix, start_after)
            names = sorted(name for name in _names(path) if wanted(name))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return above
            if error.errno in _DENIED and key.rstrip("/").rpartition("/")[2] in _SYSTEM_FOLDERS:
                return above
            shown, root = os.fsdecode(path).rstrip("/"), os.fsdecode(self._root)
            raise FatalError(
                f"cannot list the folder {shown}: {error.strerror}. Give headcount the right to "
                f"read it, or move it out of {root}"
            ) from error
        return (*above, _Folder(key, identity, iter(names)))

    def _listed(self, key: str) -> ObjectInfo | None:
        path = os.path.join(self._root, name_of(key))  # noqa: PTH118 - bytes path
        try:
            found = os.stat(path)  # noqa: PTH116 - bytes path
        except OSError:
            return ObjectInfo(key, DANGLING, 0) if os.path.lexists(path) else None
        return _info(key, found, self._uri) if stat.S_ISREG(found.st_mode) else None

    def _write(self, key: str, source: BinaryIO) -> str:
        target = self._path(key)
        with self._temporary(key, target, source) as temporary:
            etag = _etag(os.stat(temporary))  # noqa: PTH116 - bytes path
            os.replace(temporary, target)  # noqa: PTH105 - bytes path
            _sync_folder(os.path.dirname(target))  # noqa: PTH120 - bytes path
        return etag

    @contextmanager
    def _temporary(self, key: str, target: bytes, source: BinaryIO) -> Iterator[bytes]:
        """A synced copy of ``source`` beside ``target``, gone afterwards; translates errors."""
        folder = os.path.dirname(target)  # noqa: PTH120 - bytes path
        path = folder + f"/.headcount-{secrets.token_hex(8)}.tmp".encode()
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - bytes path
            _copy(source, path)
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
            if error.errno not in _NO_LINKS:
                raise
            raise FatalError(
                f"cannot write {self._uri}{key}: this file system has no hard links, which "
                "headcount needs to write safely; choose a folder on another disk"
            ) from error
        _sync_folder(os.path.dirname(target))  # noqa: PTH120 - bytes path
        return True


def _wanted(folder: str, prefix: str, start_after: str) -> Callable[[str], bool]:
    """Which names of a folder can lead to keys that a listing asks for."""

    def wanted(name: str) -> bool:
        key = folder + name
        if not name.endswith("/"):
            return key.startswith(prefix) and key > start_after
        within = key.startswith(prefix) or prefix.startswith(key)
        return within and (key > start_after or start_after.startswith(key))

    return wanted


def _names(path: bytes) -> Iterator[str]:
    """The names in a folder as parts of keys, folders with a slash at the end."""
    with os.scandir(path) as entries:
        for entry in entries:
            if not _TEMPORARY.fullmatch(entry.name):
                yield key_of(entry.name) + ("/" if _is_folder(entry) else "")


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a loop, or one into a folder that may not be read
        return False


def _info(key: str, found: os.stat_result, uri: str) -> ObjectInfo:
    if not stat.S_ISREG(found.st_mode):
        raise ObjectMissing(uri + key, "not a file")
    return ObjectInfo(key, _etag(found), found.st_size)


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def _copy(source: BinaryIO, path: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        os.fsync(handle)


def _sync_folder(folder: bytes) -> None:
    """Make a new name in a folder survive a power cut, where the file system can promise that."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
