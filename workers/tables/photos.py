"""The archive's rows of some photos of a collection, in any version of the table."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.reading import FIRST
from headcount.tables.filters import FILTER_VALUES, any_of
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import Table
from workers.tables.columns import index_of, one_array
from workers.tables.pack_tables import PackTables


def read_photos(
    tables: PackTables, names: Sequence[str], photos: pa.Array, *, table: Table | None = None
) -> pa.Table:
    """Columns of these photos' rows; null where the ``table``, an earlier version, lacks them."""
    schema = pa.schema([PHOTOS.field(name) for name in names])
    where = tables.of_collection
    if len(photos) <= FILTER_VALUES:
        where += f" AND {any_of('photo', photos.to_pylist())}" if len(photos) else " AND false"
    read = [schema.empty_table()]
    for batch in (table or tables.photos).scan(schema, where=where):
        rows = pa.Table.from_batches([batch], schema=schema)
        read.append(rows.filter(pc.is_in(rows["photo"], value_set=photos)))
    return pa.concat_tables(read)


def readings_of(tables: PackTables, photos: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The reading of each photo; null where it is not in the table."""
    distinct = one_array(pc.unique(photos))
    rows = read_photos(tables, ("photo", "reading"), distinct)
    at = index_of(photos, rows["photo"])
    return one_array(known_readings(rows["reading"])).take(pa.array(at, mask=at < 0))


def known_readings(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """A column of readings; rows from before readings were kept are of the first."""
    return pc.fill_null(column, FIRST)
