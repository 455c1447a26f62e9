"""Expectations of every job and what became of them, kept in the archive beside the assignments."""

from __future__ import annotations

import pyarrow as pa

from headcount.assignments.history import KEPT, job_ids, read_table, write_table
from headcount.contract.layout import PackKeys
from headcount.rosters.changes import EXPECTATIONS
from headcount.storage import Store


def read_expectations(
    store: Store, keys: PackKeys, collection: str, job_id: str | None
) -> pa.Table:
    """The expectations of a job; empty where there are none."""
    if job_id is None:
        return EXPECTATIONS.empty_table()
    return read_table(store, keys.expectations(collection, job_id), EXPECTATIONS)


def write_expectations(
    store: Store, keys: PackKeys, collection: str, job_id: str, expectations: pa.Table
) -> None:
    """Keep the expectations of a job, if any; the oldest of more than KEPT go."""
    if not expectations.num_rows:
        store.delete(keys.expectations(collection, job_id))
        return
    write_table(store, keys.expectations(collection, job_id), expectations.cast(EXPECTATIONS))
    for old in job_ids(store, keys.expectation_folder(collection))[:-KEPT]:
        store.delete(keys.expectations(collection, old))
