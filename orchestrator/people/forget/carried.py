"""A forgotten person taken out of what photos carry: regions, names and keywords of their files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pyarrow as pa

from headcount.contract.layout import PackKeys
from headcount.contract.vocabulary import person_id, person_name
from headcount.errors import FatalError
from headcount.regions.carried import without_people
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.filters import any_of, in_collection, parts
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from orchestrator.people.latest_assignments import find_person, pack_ids

KEY = ("collection", "photo")
"""The columns by which a photo's row is known."""
_COLUMNS = pa.schema([PHOTOS.field(name) for name in (*KEY, "carried")])

_Row = tuple[str, str, str | None]
"""Collection and key of a photo, and what is left of what it carries."""


def find_anybody(store: Store, person: str, s3: S3Settings) -> tuple[str, str | None]:
    """Id and name of a person given by either, also of one whom photos alone tell of, by name.

    Raises FatalError where there is nobody.
    """
    try:
        return find_person(store, person, s3)
    except FatalError:
        known = person_id(person)
        if any(_is_carried(Table(store.uri, keys.photos, s3), known) for keys in _packs(store)):
            return known, person_name(person)
        raise


def forget_carried(photos: Table, person: str) -> int:
    """Take a person, by id, out of what the photos of a table carry; the number of photos changed.

    The earlier values stay in the table's earlier versions until these are purged.
    """
    changed = 0
    for collection, found in groupby(_without(photos, person), key=lambda row: row[0]):
        for part in parts(found):
            left = {photo: carried for _, photo, carried in part}
            where = f"{in_collection(collection)} AND {any_of('photo', list(left))}"
            rows = photos.read(photos.columns, where=where)
            at, kept = rows.schema.get_field_index("carried"), rows["photo"].to_pylist()
            column = pa.array([left[photo] for photo in kept], pa.string())
            photos.replace(rows.set_column(at, rows.field(at), column), on=KEY)
            changed += len(part)
    return changed


def _packs(store: Store) -> list[PackKeys]:
    return [PackKeys(pack_id) for pack_id in pack_ids(store)]


def _is_carried(photos: Table, person: str) -> bool:
    return photos.exists() and next(_without(photos, person), None) is not None


def _without(photos: Table, person: str) -> Iterator[_Row]:
    """Yield the rows in which the person is, with what is left of them."""
    for batch in photos.scan(_COLUMNS):
        told = batch.filter(batch["carried"].is_valid())
        for row in told.to_pylist():
            left = without_people(row["carried"], {person})
            if left != row["carried"]:
                yield row["collection"], row["photo"], left
