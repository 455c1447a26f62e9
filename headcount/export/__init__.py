"""Result tables on their way out: Parquet and JSON Lines for programs, CSV and XLSX for people."""

from __future__ import annotations

from headcount.export.tables import (
    DEFAULT_FORM,
    DamagedTable,
    contract_schema,
    drop_formats,
    fetch_table,
    form_of,
    read_table,
    scratch,
    text_files,
    write_table,
)

__all__ = [
    "DEFAULT_FORM",
    "DamagedTable",
    "contract_schema",
    "drop_formats",
    "fetch_table",
    "form_of",
    "read_table",
    "scratch",
    "text_files",
    "write_table",
]
