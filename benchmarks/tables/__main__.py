"""Opens the tables of a run with other programs, as they are: names, types and values.

    python -m benchmarks.tables [RESULTS] [--node-modules FOLDER]

RESULTS is the --out of a run; without it, tables are made with names such as 007, NA and =1+1.
DuckDB, polars and pandas are in the extra `readers`; hyparquet is read by node, from a folder
node_modules in which it is installed; LibreOffice is used where there is a `soffice`. Ends with 1
where a program reads Parquet or XLSX other than pyarrow does.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.tables.made import make_tables
from benchmarks.tables.readers import (
    ReadTable,
    by_duckdb,
    by_hyparquet,
    by_libreoffice,
    by_pandas,
    by_polars,
)
from headcount.contract.columns import RESULTS
from headcount.text import undefused

Reader = Callable[[Path], ReadTable]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--node-modules", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if options.results is None:
            make_tables(Path(made))
        bad = list(compare(options.results or Path(made), options.node_modules))
    sys.exit(1 if bad else 0)


def compare(folder: Path, modules: Path | None) -> Iterator[str]:
    """Print what each reader makes of each file; yields what must not be."""
    for kind, name, reader in readers(modules):
        for table in RESULTS:
            path = folder / f"{table}.{kind}"
            if not path.is_file():
                continue
            expected = pq.read_table(folder / f"{table}.parquet")
            found = [*differences(expected, path, name, reader)]
            print(f"{kind:8} {name:12} {table:9} {'; '.join(found) or 'as it is'}", flush=True)
            if found and kind in ("parquet", "xlsx"):
                yield from found


def readers(modules: Path | None) -> Iterator[tuple[str, str, Reader]]:
    """The format, the name and the function of each reader that is there."""
    there: dict[str, Reader] = {"duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas}
    for name in list(there):
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed")
            del there[name]
    yield from ((kind, n, r) for kind in ("parquet", "csv", "jsonl") for n, r in there.items())
    if modules and shutil.which("node"):
        yield "parquet", "hyparquet", partial(by_hyparquet, modules=modules)
    else:
        print("hyparquet: no node, or no --node-modules")
    if shutil.which("soffice"):
        yield from ((kind, "LibreOffice", by_libreoffice) for kind in ("xlsx", "csv"))
    else:
        print("LibreOffice: no soffice")


def differences(expected: pa.Table, path: Path, name: str, reader: Reader) -> Iterator[str]:
    """In words, how a reader's table differs from the one that was written."""
    try:
        read = reader(path)
    except Exception as error:  # whatever a reader raises is its answer
        yield f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
        return
    sheet = path.suffix in (".csv", ".xlsx")
    fields = [f for f in expected.schema if not (sheet and pa.types.is_list(f.type))]
    names = [field.name for field in fields]
    if list(read.kinds) != names or len(read.rows) != expected.num_rows:
        yield f"{len(read.rows)} rows of {expected.num_rows}, columns {list(read.kinds)}"
        return
    plain = PLAIN.get(name, as_value)
    for column in names:
        values = map(plain, expected[column].to_pylist())
        shown = (row[column] for row in read.rows)
        shown = (plain(undefused(v) if sheet and isinstance(v, str) else v) for v in shown)
        wrong = [(a, b) for a, b in zip(values, shown, strict=True) if not same(a, b)]
        if wrong:
            yield f"{column}: {wrong[0][1]!r} for {wrong[0][0]!r} in {len(wrong)}"


def same(one: Any, other: Any) -> bool:
    """Whether two values are alike and of one kind: True is not 1, and 7.0 not 7."""
    return type(one) is type(other) and bool(one == other)


def as_value(value: Any) -> Any:
    """A value, of float32 with its digits; an int64 in JavaScript is what it says."""
    if isinstance(value, dict) and "bigint" in value:
        return int(value["bigint"])
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [float(f"{part:.6g}") for part in value]
    return value


def as_number(value: Any) -> Any:
    """A value as JavaScript has it, whose numbers are of one kind."""
    value = as_value(value)
    return float(value) if isinstance(value, int) else value


def as_text(value: Any) -> str:
    """A cell as it shows; a number with a point to six digits."""
    if value is None:
        return ""
    try:
        return f"{float(value):.6g}" if "." in str(value) else str(value)
    except ValueError:
        return str(value)


PLAIN: dict[str, Callable[[Any], Any]] = {"LibreOffice": as_text, "hyparquet": as_number}
"""How values are compared, where a reader has no kinds of its own for all."""


if __name__ == "__main__":
    main()
