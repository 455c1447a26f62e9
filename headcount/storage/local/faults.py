"""Errors of the file system, and the error of headcount for each."""

from __future__ import annotations

import errno

from headcount.errors import FatalError, HeadcountError, ObjectDenied, ObjectMissing, TransientError

MISSING = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
)
DENIED = frozenset((errno.EACCES, errno.EPERM))
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
NO_LINKS = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))


def read_error(error: OSError, uri: str) -> HeadcountError:
    """The error of headcount for a failed read of one object."""
    if error.errno in MISSING:
        return ObjectMissing(uri)
    if error.errno in DENIED:
        return ObjectDenied(uri, "permission denied")
    return TransientError(f"cannot read {uri}: {error.strerror}")


def write_error(error: OSError, uri: str) -> HeadcountError:
    """The error of headcount for a failed write."""
    if error.errno in _FULL:
        return FatalError(f"disk full: cannot write {uri} ({error.strerror}); free some space")
    if error.errno in _WRITE_FAULTS:
        return FatalError(f"cannot write {uri}: {_WRITE_FAULTS[error.errno]}")
    return TransientError(f"cannot write {uri}: {error.strerror}")
