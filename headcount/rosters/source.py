"""A roster fetched from where it lies; the one module of this room that knows storage."""

from __future__ import annotations

from collections.abc import Callable

from headcount.errors import FatalError, ObjectError
from headcount.rosters.read import Roster, read_roster
from headcount.storage.base import Reader
from headcount.storage.uris import split_object_uri

MAX_BYTES = 1 << 30
"""Bytes of a roster, at most: ten million lines of a hundred letters."""


def fetch_roster(uri: str, open_store: Callable[[str], Reader]) -> Roster:
    """Fetch and read a roster, given by its URI. Raises FatalError where that cannot be done."""
    store, key = split_object_uri(uri)
    try:
        data = open_store(store).get(key, limit=MAX_BYTES).data
    except ObjectError as error:
        raise FatalError(f"cannot read the expected people from {uri}: {error}") from error
    return read_roster(data, uri)
