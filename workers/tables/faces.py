"""The faces of a collection as the reduce stage reads them, from one version of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract.columns import FACES
from headcount.contract.stored.jobs import SplitRecord
from headcount.tables.table import Table
from workers.runtime.unit import Unit
from workers.tables.columns import Numbers, free_unused
from workers.tables.embeddings import Embeddings
from workers.tables.rows import stored_matrix

DESCRIPTOR = "descriptor"
FACE_COLUMNS = (*(c.name for c in FACES.columns if c.stored and c.shown), "usable")
"""The columns of the archive that the reduce stage goes by or the results show."""


def faces_table(unit: Unit, split: SplitRecord | None) -> Table:
    """The table of faces; where the stage is split, as it was when it was split."""
    table = unit.table(unit.pack_keys.faces)
    return table if split is None else table.at(split.faces_version)


def load_faces(unit: Unit, split: SplitRecord | None) -> tuple[pa.Table, Embeddings]:
    """The collection's faces and their embeddings, sorted by photo, then left to right.

    Where the stage is split, the rows of the embeddings as stored are in the order of its parts.
    """
    tables = [empty(FACE_COLUMNS)]
    stored = np.zeros((0, unit.record.dimensions), np.float16)
    fragments = None if split is None else [number for part in split.parts for number in part]
    columns = pa.schema([*tables[0].schema, _stored(unit).field(DESCRIPTOR)])
    for batch in scan(unit, faces_table(unit, split), columns, fragments):
        tables.append(own_copy(batch, FACE_COLUMNS))
        start = len(stored)  # they grow where they are: no second copy of all of them
        stored.resize((start + batch.num_rows, stored.shape[1]), refcheck=False)
        stored[start:] = stored_matrix(batch.column(DESCRIPTOR))
        unit.photos += 1
    faces, order = in_order(pa.concat_tables(tables))
    del tables
    free_unused()
    return faces, Embeddings(stored, order)


def scan(
    unit: Unit,
    table: Table,
    columns: Sequence[str] | pa.Schema,
    fragments: Sequence[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of the unit's collection, of some fragments in that order, or of all."""
    return table.scan(columns, where=unit.of_collection, fragments=fragments)


def own_copy(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.Table:
    """Some columns in memory of their own, so that the batch's can be used again."""
    table = pa.Table.from_batches([batch]).select(columns)
    return table.take(np.arange(len(table)))


def in_order(faces: pa.Table) -> tuple[pa.Table, Numbers]:
    """The faces by photo, then left to right, and which row each was."""
    keys = [("photo", "ascending"), ("x", "ascending"), ("face_id", "ascending")]
    order = pc.sort_indices(faces, sort_keys=keys)
    return faces.take(order).combine_chunks(), order.to_numpy().astype(np.int64)


def empty(columns: Sequence[str]) -> pa.Table:
    """No row of these columns."""
    stored = FACES.stored()
    return pa.schema([stored.field(name) for name in columns]).empty_table()


def _stored(unit: Unit) -> pa.Schema:
    return FACES.stored(unit.record.dimensions)
