"""Rows of photos that are known by collection and key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.table import Table

PhotoKey = tuple[str, str]
"""The id of a photo's collection, and its key."""


def read_by_photo(
    table: Table, columns: Sequence[str], photos: Iterable[PhotoKey]
) -> Mapping[PhotoKey, list[dict[str, Any]]]:
    """The rows of some photos in a table of photos or faces, as dicts of ``columns``, by photo."""
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for collection, photo in sorted(set(photos)):
        keys[collection].append(photo)
    found: defaultdict[PhotoKey, list[dict[str, Any]]] = defaultdict(list)
    for collection, some in keys.items():
        for part in parts(some):
            where = f"{in_collection(collection)} AND {any_of('photo', part)}"
            for row in table.read([*columns, "photo"], where=where).to_pylist():
                found[collection, row["photo"]].append(row)
    return dict(found)
