"""People in tables as they are called now."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.renames import Renames


def with_present_names(table: pa.Table, renames: Renames) -> pa.Table:
    """A table in whose `person_id` and `person` people who were renamed are as they are now."""
    items = renames.items()
    if not items:
        return table
    earlier, ids, names = (pa.array(texts, pa.string()) for texts in zip(*items, strict=True))
    at = pc.index_in(table["person_id"].combine_chunks(), value_set=earlier)
    for name, now in (("person_id", ids), ("person", names)):
        column = pc.coalesce(now.take(at), table[name].combine_chunks())
        table = table.set_column(table.schema.get_field_index(name), table.field(name), column)
    return table
