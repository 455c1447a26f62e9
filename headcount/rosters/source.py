"""A roster fetched from where it lies; the one module of this room that knows storage."""

from __future__ import annotations

from collections.abc import Callable

from headcount.contract.stored.jobs import TABLE_FORMATS
from headcount.errors import FatalError, ObjectError
from headcount.rosters.read import Roster, read_roster
from headcount.storage.base import Reader
from headcount.storage.uris import canonical_uri, split_object_uri

MAX_BYTES = 1 << 30
"""Bytes of a roster, at most: ten million lines of a hundred letters."""


def require_apart(uri: str, out: str) -> None:
    """Raise FatalError where a roster lies where a job writes its table `expected`.

    The job would write over it, or take it for a table of the run before and remove it.
    """
    store, key = split_object_uri(uri)
    name, _, suffix = key.rpartition(".")
    if store == canonical_uri(out) and name == "expected" and suffix in TABLE_FORMATS:
        raise FatalError(
            f"the roster {uri} lies where the results go, under the name of a result table: move "
            "it, give it another name, or choose another --out"
        )


def fetch_roster(uri: str, open_store: Callable[[str], Reader]) -> Roster:
    """Fetch and read a roster, given by its URI. Raises FatalError where that cannot be done."""
    store, key = split_object_uri(uri)
    try:
        data = open_store(store).get(key, limit=MAX_BYTES).data
    except ObjectError as error:
        raise FatalError(f"cannot read the expected people from {uri}: {error}") from error
    return read_roster(data, uri)
