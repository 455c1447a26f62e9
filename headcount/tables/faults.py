"""Errors of Lance and Arrow, and the error of headcount for each, told by the words in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from headcount.errors import FatalError, HeadcountError, TransientError

_TRANSIENT = (
    "timed out",
    "timeout",
    "connection",
    "slowdown",
    "503",
    "500 internal",
    "retry",
    "http error",  # as Lance calls whatever befalls a request or the body of its answer
)
_ROLLED_BACK = ("incompatible transaction", "incompatible with concurrent transaction")
_DISK_FULL = ("no space left", "os error 28", "disk full")


def translate(error: Exception, uri: str) -> HeadcountError:
    """The error of headcount for one of Lance's."""
    text = str(error)
    lowered = text.lower()
    if any(sign in lowered for sign in _DISK_FULL):
        return FatalError(f"disk full while writing {uri}: free some space, then run again")
    if any(sign in lowered for sign in _ROLLED_BACK):
        return FatalError(
            f"table {uri} was rolled back or rewritten since these rows were staged: start a new "
            "job"
        )
    if any(sign in lowered for sign in _TRANSIENT):
        return TransientError(f"table {uri}: {text}")
    return FatalError(f"table {uri} cannot be used: {text}")


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Raise errors of headcount in place of those of Lance and Arrow."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, pa.ArrowException) as error:
        raise translate(error, uri) from error
