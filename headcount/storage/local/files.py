"""Single files: their info, and copies that survive a power cut."""

from __future__ import annotations

import os
import re
import shutil
import stat
from contextlib import suppress
from typing import BinaryIO

from headcount.errors import ObjectMissing
from headcount.storage.base import ObjectInfo

TEMPORARY = re.compile(rb"\.headcount-[0-9a-f]{16}\.tmp")
"""The names of files that are being written."""

_CHUNK = 1 << 20


def info_of(key: str, found: os.stat_result, uri: str) -> ObjectInfo:
    """The info of a regular file. Raises ObjectMissing for anything else."""
    if not stat.S_ISREG(found.st_mode):
        raise ObjectMissing(uri + key, "not a file")
    return ObjectInfo(key, etag_of(found), found.st_size)


def etag_of(found: os.stat_result) -> str:
    """A tag that changes with a file: the time of its last change, and its size."""
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def copy_synced(source: BinaryIO, path: bytes) -> None:
    """Copy into a new file, which is on disk when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        os.fsync(handle)


def keep_rights(old: bytes, new: bytes) -> None:
    """Give a file the rights of the one that it replaces, where there is one."""
    with suppress(OSError):
        os.chmod(new, stat.S_IMODE(os.stat(old).st_mode))  # noqa: PTH101, PTH116 - bytes paths


def sync_folder(folder: bytes) -> None:
    """Make a new name in a folder survive a power cut, where the file system can promise that."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
