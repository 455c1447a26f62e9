"""People as they are called now, in what earlier jobs wrote."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.kept import holding, read_answers
from headcount.answers.renames import Renames
from headcount.storage import Store


def present_renames(store: Store) -> Renames:
    """The renames among the answers that hold."""
    return Renames.of(holding(read_answers(store)))


def renamed(table: pa.Table, renames: Renames) -> pa.Table:
    """A table in whose `person_id` and `person` people who were renamed are as they are now."""
    items = renames.items()
    if not items:
        return table
    earlier, ids, names = (pa.array(column, pa.string()) for column in zip(*items, strict=True))
    at = pc.index_in(table["person_id"], value_set=earlier)
    for name, now in (("person_id", ids), ("person", names)):
        column = pc.coalesce(now.take(at.combine_chunks()), table[name].combine_chunks())
        table = table.set_column(table.schema.get_field_index(name), table.field(name), column)
    return table
