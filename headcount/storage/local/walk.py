"""Walk: the files below a directory, in UTF-8 byte order of their keys."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from headcount.errors import FatalError
from headcount.storage.base import ObjectInfo
from headcount.storage.file_names import key_of, name_of
from headcount.storage.keys import is_portable
from headcount.storage.local.bounds import OUT, Bounds
from headcount.storage.local.faults import DENIED
from headcount.storage.local.files import TEMPORARY, info_of

DANGLING = "dangling"
"""The etag of a symbolic link that leads nowhere: it is listed, and missing when it is read."""

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
        "@eaDir",
        "#recycle",
        "#snapshot",
        "@Recycle",
        "@Recently-Snapshot",
    )
)
"""Made by operating systems and NAS, often unreadable, and never holding photos."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """One open level of a walk: the key of the folder, its identity on disk, its names to come."""

    key: str
    identity: tuple[int, int]
    names: Iterator[str]


class Walk:
    """A walk below a root. Symbolic links are followed, except into a folder being walked."""

    def __init__(self, root: bytes, uri: str, bounds: Bounds) -> None:
        self._root = root
        self._uri = uri
        self._bounds = bounds

    def objects(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object, in order. Holds the names of one folder per level."""
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

    def folder_names(self, prefix: str = "") -> list[str]:
        """The names of the folders directly below a prefix that hold an object, sorted."""
        opened = self._opened(prefix, prefix, "", ())
        names = [name for folder in opened for name in folder.names if name.endswith("/")]
        return sorted(name[:-1] for name in names if any(self.objects(prefix + name)))

    def _opened(
        self, key: str, prefix: str, start_after: str, above: tuple[_Folder, ...]
    ) -> tuple[_Folder, ...]:
        """The walk with one more folder open; as it was, if there is nothing to find in it."""
        path = os.path.join(self._root, name_of(key))  # noqa: PTH118 - bytes path
        try:
            found = os.stat(path)  # noqa: PTH116 - bytes path
            self._require_inside(path)
            identity = (found.st_dev, found.st_ino)
            if any(folder.identity == identity for folder in above):
                return above  # a symbolic link to a folder that is being walked
            wanted = _wanted(key, prefix, start_after)
            names = sorted(name for name in _names(path) if wanted(name))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return above
            if error.errno in DENIED and key.rstrip("/").rpartition("/")[2] in _SYSTEM_FOLDERS:
                return above
            shown, root = os.fsdecode(path).rstrip("/"), os.fsdecode(self._root)
            raise FatalError(
                f"cannot list the folder {shown}: {error.strerror}. Give headcount the right to "
                f"read it, or move it out of {root}"
            ) from error
        return (*above, _Folder(key, identity, iter(names)))

    def _require_inside(self, path: bytes) -> None:
        """Raise FatalError where a folder is a link that leads out, rather than lose its photos."""
        if not self._bounds.has(path):
            shown = os.fsdecode(path).rstrip("/")
            raise FatalError(
                f"cannot list the folder {shown}: it is {OUT}. Add the place that it leads to, or "
                f"move it out of {os.fsdecode(self._root)}"
            )

    def _listed(self, key: str) -> ObjectInfo | None:
        path = os.path.join(self._root, name_of(key))  # noqa: PTH118 - bytes path
        try:
            found = os.stat(path)  # noqa: PTH116 - bytes path
        except OSError:
            return ObjectInfo(key, DANGLING, 0) if os.path.lexists(path) else None
        return info_of(key, found, self._uri) if stat.S_ISREG(found.st_mode) else None


def _wanted(folder: str, prefix: str, start_after: str) -> Callable[[str], bool]:
    """A test of names of a folder: whether they can lead to keys that a listing asks for."""

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
            if not TEMPORARY.fullmatch(entry.name):
                yield key_of(entry.name) + ("/" if _is_folder(entry) else "")


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a loop, or one into a folder that may not be read
        return False
