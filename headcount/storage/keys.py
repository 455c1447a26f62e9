"""Portable keys: they mean the same object in a bucket and in a directory."""

from __future__ import annotations

from headcount.errors import FatalError

_NO_NAMES = frozenset(("", ".", ".."))


def is_portable(key: str) -> bool:
    """Whether a key names one object, inside its store, on S3 and on disk alike.

    Not so for absolute keys, keys with empty, ``.`` or ``..`` parts, and what UTF-8 cannot spell.
    """
    if "\0" in key or not _NO_NAMES.isdisjoint(key.split("/")):
        return False
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_key(store_uri: str, key: str) -> None:
    """Raise FatalError unless the key is portable."""
    if not is_portable(key):
        raise FatalError(
            f"{key!r} cannot be a key below {store_uri}: keys are relative, with no empty, '.' or "
            "'..' part between their slashes"
        )
