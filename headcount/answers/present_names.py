"""People in tables as they are called now."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.renames import Renames
from workers.tables.columns import index_of, one_array, take_or_null


def with_present_names(table: pa.Table, renames: Renames) -> pa.Table:
    """A table in whose `person_id` and `person` people who were renamed are as they are now."""
    items = renames.items()
    if not items:
        return table
    earlier, ids, names = zip(*items, strict=True)
    at = index_of(table["person_id"], pa.array(earlier, pa.string()))
    for name, now in (("person_id", ids), ("person", names)):
        column = pc.coalesce(take_or_null(now, at), one_array(table[name]))
        table = table.set_column(table.schema.get_field_index(name), table.field(name), column)
    return table
