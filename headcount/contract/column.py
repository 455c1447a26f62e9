"""The form of a table's columns: types, meanings, and the version that each came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    A list without a length is as long as an embedding where it is stored. ``names`` says whether
    the column names a person, by id or by name: `forget` empties such cells. A ``nearest`` one
    tells of the person in ``nearest_person_id`` of its row, and is emptied with that. ``formerly``
    is its name in results before ``since``.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    null: bool = False
    stored: bool = False
    shown: bool = False
    names: Literal["", "id", "name", "nearest"] = ""
    since: int = 1
    formerly: str = ""

    def name_in(self, version: int) -> str:
        """Its name in results of a version of the contract; empty where they lack it."""
        return self.name if self.since <= version else self.formerly


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table; ``first`` is the one that results begin with.

    ``key`` are the columns without which nobody can say whom a row of the results is about.
    """

    name: str
    rows: str
    columns: tuple[Column, ...]
    first: str = ""
    key: tuple[str, ...] = ()

    def stored(self, dimensions: int = 0) -> pa.Schema:
        """The schema in the archive, of a pack whose embeddings have so many numbers."""
        return pa.schema(
            [(c.name, _of_length(c.type, dimensions)) for c in self.columns if c.stored]
        )

    def shown(self, version: int | None = None) -> pa.Schema:
        """The schema in the results, as of a version of the contract; of this build without one."""
        of = version or max(c.since for c in self.columns)
        columns = [c for c in self.columns if c.shown and c.name_in(of)]
        ordered = sorted(columns, key=lambda column: column.name != self.first)
        return pa.schema([(c.name_in(of), _of_any_length(c.type)) for c in ordered])

    @property
    def later(self) -> frozenset[str]:
        """The stored columns that an archive from before them lacks."""
        return frozenset(c.name for c in self.columns if c.stored and c.since > 1)

    def published(self, latest: int) -> list[list[str]]:
        """The columns of the results in each version of the contract, from the ``latest`` down.

        Versions from before the table have none, and are left out.
        """
        versions = (self.shown(version).names for version in range(latest, 0, -1))
        return [names for names in versions if names]


def _of_length(kind: pa.DataType, dimensions: int) -> pa.DataType:
    return pa.list_(kind.value_type, dimensions) if pa.types.is_list(kind) else kind


def _of_any_length(kind: pa.DataType) -> pa.DataType:
    return pa.list_(kind.value_type) if pa.types.is_fixed_size_list(kind) else kind
