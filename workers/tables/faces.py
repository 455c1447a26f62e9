"""The faces of a collection, read from one version of the table for the reduce stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.contract.columns import FACES
from headcount.contract.stored.jobs import SplitRecord
from headcount.tables.table import Table
from workers.faces.evidence import PARTS, weaknesses
from workers.tables.columns import Numbers, free_unused, one_array
from workers.tables.embeddings import Embeddings
from workers.tables.pack_tables import PackTables
from workers.tables.rows import stored_matrix

DESCRIPTOR = "descriptor"
FACE_COLUMNS = (*(c.name for c in FACES.columns if c.stored and c.shown), "usable")
"""The columns of the archive that the reduce stage goes by or the results show."""


def faces_table(tables: PackTables, split: SplitRecord | None) -> Table:
    """The table of faces, in the version of the split where the stage is split."""
    return tables.faces if split is None else tables.faces.at(split.faces_version)


def load_faces(
    tables: PackTables,
    split: SplitRecord | None,
    *,
    dimensions: int,
    progress: Callable[[], None],
) -> tuple[pa.Table, Embeddings]:
    """The collection's faces and their embeddings, sorted by photo, then left to right.

    Where the stage is split, the stored rows of the embeddings are in the order of its parts.
    ``progress`` is called after each batch.
    """
    read = [empty(FACE_COLUMNS)]
    stored = np.zeros((0, dimensions), np.float16)
    fragments = None if split is None else [number for part in split.parts for number in part]
    columns = pa.schema([*read[0].schema, FACES.stored(dimensions).field(DESCRIPTOR)])
    for batch in scan(tables, faces_table(tables, split), columns, fragments):
        read.append(own_copy(batch, FACE_COLUMNS))
        start = len(stored)  # they grow where they are: no second copy of all of them
        stored.resize((start + batch.num_rows, stored.shape[1]), refcheck=False)
        stored[start:] = stored_matrix(batch.column(DESCRIPTOR))
        progress()
    faces, order = in_order(pa.concat_tables(read))
    del read
    free_unused()
    return faces, Embeddings(stored, order)


def scan(
    tables: PackTables,
    table: Table,
    columns: Sequence[str] | pa.Schema,
    fragments: Sequence[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The collection's rows of the table of faces, of some fragments in that order, or of all."""
    return table.scan(columns, where=tables.of_collection, fragments=fragments)


def own_copy(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.Table:
    """A copy of some columns, so that the batch's memory can be used again."""
    table = pa.Table.from_batches([batch]).select(columns)
    return table.take(np.arange(len(table)))


def in_order(faces: pa.Table) -> tuple[pa.Table, Numbers]:
    """The faces sorted by photo, then left to right, and the row that each had."""
    keys = [("photo", "ascending"), ("x", "ascending"), ("face_id", "ascending")]
    order = pc.sort_indices(faces, sort_keys=keys)
    return faces.take(order).combine_chunks(), order.to_numpy().astype(np.int64)


def weaknesses_of(rows: pa.Table, cosine_per_decade: float) -> NDArray[np.float32]:
    """Weaknesses of the N faces or references in the rows of a table: N x K, 0 or more."""
    parts = {
        name: one_array(rows[name]).cast(pa.float32()).to_numpy(zero_copy_only=False)
        for name in PARTS
        if name in rows.schema.names
    }
    return weaknesses(parts, cosine_per_decade)


def empty(columns: Sequence[str]) -> pa.Table:
    """A table of these columns without a row."""
    stored = FACES.stored()
    return pa.schema([stored.field(name) for name in columns]).empty_table()
