"""How others read a table: each gives its columns, their kinds, and its rows."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = {str: "text", int: "int", float: "float", list: "list", bool: "bool"}


@dataclass(frozen=True)
class ReadTable:
    """A table as somebody read it; the kind of a column is that of its first value, or None."""

    kinds: Mapping[str, str | None]
    rows: list[dict[str, Any]]


def of_rows(names: list[str], rows: list[dict[str, Any]]) -> ReadTable:
    """The kinds by the values: NaN, as pandas has it for nothing, is None."""
    rows = [{k: None if v != v else v for k, v in row.items()} for row in rows]  # noqa: PLR0124
    found = {
        name: next((type(r[name]) for r in rows if r.get(name) is not None), None) for name in names
    }
    return ReadTable({n: KINDS.get(k, str(k)) if k else None for n, k in found.items()}, rows)


def by_duckdb(path: Path) -> ReadTable:
    import duckdb

    names = [d[0] for d in duckdb.sql(f"select * from '{path}' limit 0").description]  # noqa: S608
    # Each column by its bare name: a reserved word would be a syntax error.
    rows = duckdb.sql(f"select {', '.join(names)} from '{path}'").fetchall()  # noqa: S608
    return of_rows(names, [dict(zip(names, row, strict=True)) for row in rows])


def by_polars(path: Path) -> ReadTable:
    import polars

    read = {"parquet": polars.read_parquet, "csv": polars.read_csv, "jsonl": polars.read_ndjson}
    frame = read[path.suffix[1:]](path)
    return of_rows(frame.columns, frame.to_dicts())


def by_pandas(path: Path) -> ReadTable:
    import pandas

    read: dict[str, Callable[[Path], Any]] = {
        "parquet": pandas.read_parquet,
        "csv": pandas.read_csv,
        "jsonl": lambda p: pandas.read_json(p, lines=True),
    }
    frame = read[path.suffix[1:]](path)
    rows = [
        {k: v.tolist() if hasattr(v, "tolist") else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]
    return of_rows(list(frame.columns), rows)


def by_hyparquet(path: Path, modules: Path) -> ReadTable:
    with tempfile.TemporaryDirectory(dir=modules.parent) as folder:
        script = shutil.copy(Path(__file__).with_name("read.mjs"), folder)
        done = subprocess.run(["node", script, path], check=True, capture_output=True)
    read = json.loads(done.stdout)
    return of_rows(read["names"], read["rows"])


def by_libreoffice(path: Path) -> ReadTable:
    """All cells as LibreOffice shows them, read back from the CSV that it makes of a file.

    Its window finds the encoding of a CSV by the mark and proposes the comma; without a window it
    has to be told both.
    """
    csv_filter = "Text - txt - csv (StarCalc):44,34,76,1"
    shown = f"csv:{csv_filter},,0,false,true,false"
    told = [f"--infilter={csv_filter}"] if path.suffix == ".csv" else []
    with tempfile.TemporaryDirectory() as folder:
        profile = f"-env:UserInstallation=file://{folder}/profile"
        subprocess.run(
            [
                *("soffice", profile, "--headless", *told, "--convert-to", shown),
                *("--outdir", folder, path),
            ],
            check=True,
            capture_output=True,
        )
        text = (Path(folder) / path.with_suffix(".csv").name).read_text("utf-8-sig")
    [names, *rows] = csv.reader(io.StringIO(text, newline=""))
    return of_rows(names, [dict(zip(names, row, strict=True)) for row in rows])
