"""Result tables with names that readers get wrong, where no run's results are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from headcount.contract.columns import RESULTS
from headcount.contract.stored.jobs import TABLE_FORMATS
from headcount.export import scratch, write_table
from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri, open_store

TEXTS = {
    "photos": ("007", "2024", "True", "NA", "Zoë", "=1+1", "@me", "-x", 'say "a", b', "O'Hara"),
    "people": ("007", "2024", "1E5"),
    "clusters": ("True", "False"),
    "lineage": ("2024-05-01", "2024-05-02"),
}
"""Texts by table; those of the photos in the others. A reader that goes by looks makes the texts of
a whole column something else."""
ROWS = 300


def make_tables(folder: Path) -> None:
    """Write every table of the results in every format; each text takes a turn in each column."""
    store = open_store(canonical_uri(str(folder)), S3Settings())
    with scratch() as work:
        for name, table in RESULTS.items():
            texts = TEXTS.get(name, TEXTS["photos"])
            null = {column.name for column in table.columns if column.null}
            rows = [
                {
                    f.name: None if f.name in null and n % 3 == 0 else _value(f.type, n + at, texts)
                    for at, f in enumerate(table.shown())
                }
                for n in range(ROWS)
            ]
            made = pa.Table.from_pylist(rows, table.shown())
            write_table(store, name, made.schema, [made], formats=TABLE_FORMATS, folder=work)


def _value(kind: pa.DataType, number: int, texts: Sequence[str]) -> Any:
    if pa.types.is_string(kind):
        return texts[number % len(texts)]
    if pa.types.is_floating(kind):
        return (number % 10) / 10
    if pa.types.is_list(kind):
        return [number + 0.5] * 10
    return number % 100
