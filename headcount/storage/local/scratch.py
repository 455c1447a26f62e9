"""Temporary folders of this process, and the removal of those that killed ones left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PREFIX = "headcount-"
LOCK = ".lock"
"""File beside a temporary folder's content that its process holds a lock on. The lock ends with the
process, however that ends; it counts across containers, where process ids mean nothing."""
LONGEST_BASE = 60
"""A Unix socket's path has 104 characters at most: below a longer TMPDIR none would fit."""


@contextmanager
def scratch_folder(*, short: bool = False) -> Iterator[Path]:
    """A private temporary folder, removed afterwards; the first one clears what the dead left.

    ``short``: its path is short enough for a Unix socket in it.
    """
    base = Path(tempfile.gettempdir())
    if short and len(str(base)) >= LONGEST_BASE:
        base = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder there
    _clear_once(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    try:
        handle = _lock(folder)
        try:
            content = folder / "in"
            content.mkdir()
            yield content
        finally:
            os.close(handle)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int:
    """Lock a new folder: the file has its name only once it is locked, so nobody is quicker."""
    made = folder / f"{LOCK}.new"
    handle = os.open(made, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    made.rename(folder / LOCK)
    return handle


@cache
def _clear_once(base: Path) -> None:
    clear_dead_folders(base)


def clear_dead_folders(base: Path) -> list[Path]:
    """Remove this account's temporary folders whose processes are gone; those that were removed.

    Folders without a lock, such as those of older builds, and others' are left alone.
    """
    removed = []
    with suppress(OSError):
        for entry in sorted(base.glob(f"{PREFIX}*")):
            if _is_own(entry) and _is_dead(entry):
                shutil.rmtree(entry, ignore_errors=True)
                removed.append(entry)
    return removed


def _is_own(folder: Path) -> bool:
    with suppress(OSError):
        return folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
    return False


def _is_dead(folder: Path) -> bool:
    """Whether a folder has a lock that nobody holds."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
