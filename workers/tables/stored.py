"""One version of the table of faces, cut into parts, and embeddings read from it on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.tables.table import Table
from workers.tables.columns import Numbers
from workers.tables.embeddings import Embeddings
from workers.tables.faces import DESCRIPTOR, scan
from workers.tables.pack_tables import PackTables
from workers.tables.rows import stored_matrix

Parts = tuple[tuple[int, ...], ...]
"""The fragments of each part of a table."""


@dataclass(frozen=True, slots=True)
class FacesVersion:
    """The table of faces in one version, in parts; its embeddings have ``dimensions`` numbers."""

    tables: PackTables
    table: Table
    version: int
    parts: Parts
    dimensions: int

    def scan(
        self, columns: Sequence[str] | pa.Schema, fragments: Sequence[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The collection's rows of some fragments, of all parts where none are given."""
        every = [number for part in self.parts for number in part]
        return scan(self.tables, self.table, columns, every if fragments is None else fragments)


@dataclass(frozen=True, slots=True)
class StoredEmbeddings:
    """An EmbeddingLookup that reads the table, in one scan, each time it is asked.

    Rows are numbered part after part; ``order`` gives the row of each place, where it is there.
    """

    source: FacesVersion
    order: Numbers | None = None

    def __getitem__(self, where: Numbers) -> NDArray[np.float32]:
        """Embeddings of unit length at these places, K x D."""
        wanted = where if self.order is None else self.order[where]
        order = np.argsort(wanted, kind="stable")
        rows = wanted[order]
        found, start = np.empty((len(rows), self.source.dimensions), np.float32), 0
        for batch in self.source.scan([DESCRIPTOR]):
            low, high = np.searchsorted(rows, [start, start + batch.num_rows])
            found[order[low:high]] = embeddings_of(batch)[rows[low:high] - start]
            start += batch.num_rows
        return found


def embeddings_of(batch: pa.RecordBatch) -> NDArray[np.float32]:
    """The embeddings of a batch, N x D in fp32, of unit length."""
    return Embeddings.as_stored(stored_matrix(batch.column(DESCRIPTOR)))[:]
