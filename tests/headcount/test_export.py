import csv
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract.marks import MARKS, Standing, read_marks
from headcount.contract.stored.jobs import TABLE_FORMATS, SheetForm
from headcount.errors import FatalError, ObjectMissing
from headcount.export import drop_formats, read_table, text_files, write_table
from headcount.rosters.workbook import read_values
from headcount.storage.memory import MemoryStore

SCHEMA = pa.schema([("photo", pa.string()), ("points", pa.list_(pa.float32()))])
PARTS = [
    pa.table({"photo": ["a,b.jpg"], "points": [[1.0, 2.5]]}, schema=SCHEMA),
    pa.table({"photo": ["é.jpg", None], "points": [[], None]}, schema=SCHEMA),
]


def test_every_format_holds_every_row(tmp_path: Path) -> None:
    out = MemoryStore()
    form = SheetForm(landmarks=True)
    rows = write_table(out, "t", SCHEMA, PARTS, formats=TABLE_FORMATS, folder=tmp_path, form=form)
    assert rows == 3
    expected = pa.concat_tables(PARTS).to_pylist()
    (tmp_path / "back.parquet").write_bytes(out.get("t.parquet").data)
    assert pq.read_table(tmp_path / "back.parquet").to_pylist() == expected
    lines = out.get("t.jsonl").data.decode().splitlines()
    assert [json.loads(line) for line in lines] == expected
    rows = list(csv.DictReader(out.get("t.csv").data.decode("utf-8-sig").splitlines()))
    assert [row["photo"] for row in rows] == ["a,b.jpg", "é.jpg", ""]
    assert json.loads(rows[0]["points"]) == [1.0, 2.5]
    assert rows[2]["points"] == ""
    [sheet] = read_values(out.get("t.xlsx").data, "t.xlsx").sheets.values()
    assert sheet[1:] == [["a,b.jpg", "[1.0, 2.5]"], ["é.jpg", "[]"]], "calamine ends there"


def test_a_table_without_rows_still_has_its_columns(tmp_path: Path) -> None:
    out = MemoryStore()
    write_table(out, "t", SCHEMA, [], formats=("parquet",), folder=tmp_path)
    assert pq.read_schema(tmp_path / "t.parquet").names == ["photo", "points"]
    assert out.get("t.parquet").data


def test_nothing_is_put_where_writing_fails(tmp_path: Path) -> None:
    out = MemoryStore()

    def parts() -> "object":
        yield PARTS[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_table(out, "t", SCHEMA, parts(), formats=("parquet",), folder=tmp_path)  # type: ignore[arg-type]
    assert list(out.list()) == []


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    out = MemoryStore()
    write_table(out, "t", SCHEMA, PARTS, formats=("parquet",), folder=tmp_path)
    back = pa.concat_tables(read_table(out, "t.parquet", tmp_path))
    assert back.to_pylist() == pa.concat_tables(PARTS).to_pylist()
    with pytest.raises(ObjectMissing):
        next(read_table(out, "u.parquet", tmp_path))


def test_what_an_earlier_run_wrote_in_another_format_goes_and_what_is_not_ours_stays(
    tmp_path: Path,
) -> None:
    out = MemoryStore()
    write_table(out, "t", SCHEMA, PARTS, formats=TABLE_FORMATS, folder=tmp_path)
    assert text_files(out, "t", SCHEMA) == dict.fromkeys(TABLE_FORMATS[1:], Standing.OURS)
    assert drop_formats(out, "t", SCHEMA, keep=("parquet", "csv")) == ["jsonl", "xlsx"]
    assert tables_in(out) == ["t.csv", "t.parquet"]
    assert list(read_marks(out)) == ["t.csv", "t.parquet"]
    write_table(out, "t", SCHEMA, [], formats=("csv", "jsonl"), folder=tmp_path)
    drop_formats(out, "t", SCHEMA, keep=("parquet",))
    assert tables_in(out) == ["t.parquet"], "so do tables without rows"
    out.put("t.csv", b"photo\nmine.jpg\n")
    out.put("t.jsonl", b'{"photo": "mine.jpg"}\n')
    drop_formats(out, "t", SCHEMA, keep=("parquet",))
    assert tables_in(out) == ["t.csv", "t.jsonl", "t.parquet"]


def tables_in(out: MemoryStore) -> list[str]:
    return [info.key for info in out.list() if info.key != MARKS]


def test_a_file_of_the_users_own_that_is_no_table_at_all_stays() -> None:
    out = MemoryStore()
    out.put("t.csv", b"x" * 200_000)  # more than a field of CSV may have
    assert text_files(out, "t", SCHEMA) == {}


def test_a_damaged_table_is_said_to_be(tmp_path: Path) -> None:
    out = MemoryStore()
    table = pa.table({"photo": ["a"] * 1000})
    write_table(out, "t", table.schema, [table], formats=["parquet"], folder=tmp_path)
    whole = out.get("t.parquet").data
    for damaged in (b"", b"no table", whole[:-20] + bytes(20), whole[:4] + bytes(40) + whole[44:]):
        out.put("t.parquet", damaged)
        with pytest.raises(FatalError, match=r"t\.parquet is damaged"):
            list(read_table(out, "t.parquet", tmp_path))


def test_columns_of_a_user_s_own_are_written_in_every_format(tmp_path: Path) -> None:
    out = MemoryStore()
    seen = datetime(2026, 11, 28, 12, 30)
    table = pa.table({"photo": ["a.jpg"], "seen": [seen], "size": [{"w": 3}], "raw": [b"x"]})
    formats = ("parquet", "csv", "jsonl")
    write_table(out, "t", table.schema, [table], formats=formats, folder=tmp_path)
    (line,) = out.get("t.jsonl").data.decode().splitlines()
    assert json.loads(line)["seen"] == "2026-11-28 12:30:00"
    (row,) = csv.DictReader(out.get("t.csv").data.decode().splitlines())
    assert json.loads(row["size"]) == {"w": 3}


def test_parquet_is_packed_as_every_reader_can_unpack_it(tmp_path: Path) -> None:
    write_table(MemoryStore(), "t", SCHEMA, PARTS, formats=["parquet"], folder=tmp_path)
    group = pq.read_metadata(tmp_path / "t.parquet").row_group(0)
    assert {group.column(n).compression for n in range(group.num_columns)} == {"SNAPPY"}
