"""Conditional writes: tried, since a store that ignores the condition says nothing of it.

The store of an archive needs them: two workers, or two supervisors, must not overwrite each other.
Photos, people and results may lie on any store.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress

from headcount.errors import FatalError, HeadcountError, TransientError
from headcount.storage.base import Store

PAUSES = (0.2, 1.0, 3.0)
"""Seconds before each further try at a store that was not to be reached for a moment."""

NEEDED = (
    "an archive needs conditional writes (If-None-Match: *), which keep two workers from "
    "overwriting each other, and {uri} {fault}. Put the archive on a store that has them, such as "
    "AWS S3, MinIO, SeaweedFS or a local folder; photos and people may stay where they are"
)


def require_conditional_writes(store: Store, folder: str) -> None:
    """Write twice under one new key. Raises FatalError where the second write is not refused.

    Each try has a key of its own: after an answer that was lost, nobody knows what lies there.
    """
    for pause in PAUSES:
        try:
            return _try_once(store, folder + secrets.token_hex(8))
        except TransientError:
            time.sleep(pause)
    return _try_once(store, folder + secrets.token_hex(8))


def _try_once(store: Store, key: str) -> None:
    try:
        first, second = store.put_new(key, b"first"), store.put_new(key, b"second")
        if not first:
            raise FatalError(NEEDED.format(uri=store.uri, fault="refuses a key that is new"))
        if second or store.get(key).data != b"first":
            raise FatalError(NEEDED.format(uri=store.uri, fault="ignores the condition"))
    finally:
        with suppress(HeadcountError):
            store.delete(key)
