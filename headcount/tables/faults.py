"""Errors of Lance and Arrow, and the error of headcount for each, told by the words in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from headcount.errors import FatalError, HeadcountError, TransientError

_TRANSIENT = re.compile(
    r"timed out|timeout|connection|slowdown|retry|500 internal|"
    r"\b503\b(?! bytes)|"
    r"http error"  # as Lance calls whatever befalls a request or the body of its answer
)
_ROLLED_BACK = ("incompatible transaction", "incompatible with concurrent transaction")
_DISK_FULL = ("no space left", "os error 28", "disk full")
_NAMES = re.compile(r"<(bucket|bucketname|key|resource)>[^<]*")
"""Names of the store's things in an answer of S3."""
_PATH = re.compile(r"[^\s<>\"'`]*/[^\s<>\"'`]*")
"""A word with a slash in it: a path, a URL, or a place in Lance's source."""


def translate(error: Exception, uri: str) -> HeadcountError:
    """The error of headcount for one of Lance's."""
    text = str(error)
    lowered = without_places(text, uri)
    if any(sign in lowered for sign in _DISK_FULL):
        return FatalError(f"disk full while writing {uri}: free some space, then run again")
    if any(sign in lowered for sign in _ROLLED_BACK):
        return FatalError(
            f"table {uri} was rolled back or rewritten since these rows were staged: start a new "
            "job"
        )
    if _TRANSIENT.search(lowered):
        return TransientError(f"table {uri}: {text}")
    return FatalError(f"table {uri} cannot be used: {text}")


def without_places(text: str, uri: str) -> str:
    """Text of an error in lower case, without paths, URLs and names: these may hold any word.

    ``uri`` is the table's: its folders are found even with spaces in their names.
    """
    parts = urlsplit(uri)
    folders = f"{parts.netloc}{parts.path}".strip("/").split("/")
    text = _NAMES.sub("", text.lower())
    for end in range(len(folders), 1, -1):
        place = "/".join(folders[:end]).lower()
        text = text.replace(place, "/").replace(unquote(place), "/")
    return _PATH.sub("", text)


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Raise errors of headcount in place of those of Lance and Arrow."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, pa.ArrowException) as error:
        raise translate(error, uri) from error
