"""The times at which photos of an archive were taken, by their keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa

from headcount.collections.photos import collection_id
from headcount.contract.layout import PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table

_COLUMNS = pa.schema([PHOTOS.field(name) for name in ("photo", "taken")])


def photo_times(
    store: Store, collection: str, keys: PackKeys, photos: Iterable[str], s3: S3Settings
) -> dict[str, datetime]:
    """When photos of the collection at a URI were taken, of those that tell it."""
    table, found = Table(store.uri, keys.photos, s3), {}
    for part in parts(sorted(set(photos))):
        where = f"{in_collection(collection_id(collection))} AND {any_of('photo', part)}"
        for batch in table.scan(_COLUMNS, where=where):
            found.update({row["photo"]: row["taken"] for row in batch.to_pylist() if row["taken"]})
    return found
