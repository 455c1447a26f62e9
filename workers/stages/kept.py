"""Photos that a shard could not get at, and that the archive has: they stay as they are.

A store that is away for an hour must not take the faces of photos that were to be read anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from headcount.contract.vocabulary import PROCESSED, Outcome, Photo
from headcount.tables.filters import any_of, parts
from workers.tables.pack_tables import PackTables

PASSING = frozenset({Outcome.MISSING, Outcome.DENIED, Outcome.CRASHED})
"""Outcomes that say nothing of the photo itself."""


def keep_known(tables: PackTables, photos: Iterable[Photo]) -> frozenset[str]:
    """Find the photos with a passing outcome that the archive has processed, as the same object.

    Their rows in the archive stay, and the new ones are left out.
    """
    missed = {photo.key: photo for photo in photos if photo.outcome in PASSING}
    found: set[str] = set()
    processed = any_of("outcome", sorted(PROCESSED))
    for part in parts(sorted(missed)):
        where = f"{tables.of_collection} AND {any_of('photo', part)} AND {processed}"
        for row in tables.photos.read(["photo", "etag", "bytes"], where=where).to_pylist():
            photo = missed[row["photo"]]
            if (row["etag"], row["bytes"]) == (photo.etag, photo.size):
                found.add(photo.key)
    return frozenset(found)
