#!/usr/bin/env bash
# JSON Lines: a text in quotes comes back as a number, a day or a time from three readers of four
#
# One would guess: JSON, unlike CSV, says of each value whether it is text or a number, so that "007" and
# "2024-05-01" in quotes are texts to every reader.
# Seen, with everything at its defaults: pandas 3.1.1 makes 7 of "007" and of "7", so two people become one
# (dtype=False keeps them). DuckDB 2.0.1 keeps "007" and makes a DATE of "2024-05-01"; where an album after
# the first 20,480 rows is called otherwise, the file is refused. pyarrow 26.0.1 makes a timestamp of it.
# polars 2.1.0 keeps all.
# Why it matters for photo archives: people are called by numbers (pupils, bibs of runners) and albums by
# days. A join of 7 with the Parquet table's "007" finds nobody, and a sum over 7 is of two people.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir \
  pandas==3.1.1 duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1

cd "$work"
printf '%s\n' '{"person": "007", "album": "2024-05-01"}' '{"person": "7", "album": "2024-05-02"}' > t.jsonl
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import pandas
import polars
import pyarrow.json

frame = pandas.read_json("t.jsonl", lines=True)
kept = pandas.read_json("t.jsonl", lines=True, dtype=False)
seen = {
    "pandas": [(int(p) if not isinstance(p, str) else p, a) for p, a in frame.itertuples(index=False)],
    "pandas, dtype=False": list(kept.itertuples(index=False, name=None)),
    "duckdb": duckdb.sql("select person, album from 't.jsonl'").fetchall(),
    "pyarrow": [tuple(row.values()) for row in pyarrow.json.read_json("t.jsonl").to_pylist()],
    "polars": polars.read_ndjson("t.jsonl").rows(),
}
for reader, rows in seen.items():
    print(f"{reader:20}", rows)
texts = [("007", "2024-05-01"), ("7", "2024-05-02")]
people = {reader: [row[0] for row in rows] for reader, rows in seen.items()}
with open("late.jsonl", "w") as file:
    file.write('{"album": "2024-05-01"}\n' * 30_000 + '{"album": "Zoo"}\n')
try:
    late = duckdb.sql("select any_value(album) from 'late.jsonl'").fetchall()
except duckdb.Error as error:
    late = type(error).__name__
print("duckdb, a late text:", late)
albums = {reader: type(rows[0][1]).__name__ for reader, rows in seen.items()}
as_seen = (
    people["pandas"] == [7, 7]
    and people["duckdb"] == people["pyarrow"] == ["007", "7"]
    and albums["pandas"] == "str"
    and albums["duckdb"] == "date"
    and albums["pyarrow"] == "datetime"
    and late == "InvalidInputException"
    and seen["polars"] == seen["pandas, dtype=False"] == texts
)
sys.exit(0 if as_seen else 1)
PYTHON
