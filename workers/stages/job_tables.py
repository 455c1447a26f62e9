"""The archive's tables that a unit of work reads and writes: of its job's pack and collection."""

from __future__ import annotations

from workers.runtime.unit import Unit
from workers.tables.pack_tables import PackTables


def job_tables(unit: Unit) -> PackTables:
    """The tables of the job's pack, by its collection. Raises as Unit.pack does."""
    return PackTables(unit.store, unit.pack_keys, unit.spec.photos or "", unit.context.s3)
