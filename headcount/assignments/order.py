"""Tables in an order of their columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def first_rows(table: pa.Table, limit: int, order: Sequence[tuple[str, str]]) -> pa.Table:
    """The first ``limit`` rows of a table in an order; the others are not sorted.

    ``order`` has pairs of a column and ``ascending`` or ``descending``. Its first column has
    neither nulls nor NaN: below version 25, pyarrow leaves such rows out.
    """
    if not table.num_rows:
        # Below version 26, pyarrow's kernel gives nothing at all for an empty table, and its
        # binding raises a ValueError (apache/arrow#51210).
        return table
    return table.take(pc.select_k_unstable(table, limit, list(order)))  # noqa: TID251
