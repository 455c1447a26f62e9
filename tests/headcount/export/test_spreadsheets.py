import csv
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract.stored.jobs import SheetForm
from headcount.export import DEFAULT_FORM, form_of, spreadsheets, write_table
from headcount.export.spreadsheets import BOM, MAX_CELL, write_sheets
from headcount.rosters.read import read_roster
from headcount.rosters.workbook import read_values
from headcount.storage.memory import MemoryStore
from headcount.text import undefused

SCHEMA = pa.schema(
    [
        ("person", pa.string()),
        ("similarity", pa.float32()),
        ("photos", pa.int32()),
        ("landmarks", pa.list_(pa.float32())),
    ]
)
PEOPLE = ("007", "2024", "True", "1E5", "2024-05-01", "NA", "", "Zoë", "a,b;c\t|d", 'say "Ada"')
RUN = ("=1+1", "+1", "-1", "@me", "\tx", "\rx", "=", "'=x", "''=x", "''@")
NOT_RUN = ("a=1", "'Ada", "''Ada", "Ada", "'", " =x", "\n=x")


def table(*people: str) -> pa.Table:
    rows = [
        {"person": person, "similarity": 0.1, "photos": 3, "landmarks": [1.5, 2.0]}
        for person in people
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def written(
    folder: Path, kind: str, *people: str, form: SheetForm = DEFAULT_FORM
) -> tuple[MemoryStore, bytes]:
    store = MemoryStore()
    write_table(store, "t", SCHEMA, [table(*people)], formats=[kind], folder=folder, form=form)
    return store, store.get(f"t.{kind}").data


def in_csv(data: bytes, separator: str = ",") -> list[dict[str, str]]:
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, delimiter=separator))


def in_xlsx(data: bytes) -> list[list[Any]]:
    [rows] = read_values(data, "t.xlsx").sheets.values()
    return rows


def test_a_csv_has_the_mark_by_which_spreadsheets_know_utf8_and_no_landmarks(
    tmp_path: Path,
) -> None:
    _, data = written(tmp_path, "csv", *PEOPLE)
    assert data.startswith(BOM + b'"person","similarity","photos"\n')
    assert [row["person"] for row in in_csv(data)] == list(PEOPLE)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_is_as_the_settings_have_it_and_its_form_is_found_again(
    tmp_path: Path, separator: Any
) -> None:
    for bom, landmarks in ((True, True), (False, False)):
        form = SheetForm(separator=separator, bom=bom, landmarks=landmarks)
        store, data = written(tmp_path, "csv", *PEOPLE, form=form)
        assert data.startswith(BOM) is bom
        rows = in_csv(data, separator)
        assert [row["person"] for row in rows] == list(PEOPLE)
        assert ("landmarks" in rows[0]) is landmarks
        assert not landmarks or json.loads(rows[0]["landmarks"]) == [1.5, 2.0]
        assert form_of(store, "t.csv", SCHEMA) == form


def test_text_stays_text_in_a_workbook_whatever_it_looks_like(tmp_path: Path) -> None:
    _, data = written(tmp_path, "xlsx", *PEOPLE)
    header, *rows = in_xlsx(data)
    assert header == ["person", "similarity", "photos"]
    assert [row[0] for row in rows] == list(PEOPLE)
    assert {type(row[0]) for row in rows} == {str}
    assert rows[0][1:] == [0.1, 3], "the digits of float32, not 0.10000000149"


def test_a_workbook_has_landmarks_where_they_are_wanted_and_its_mark_says_so(
    tmp_path: Path,
) -> None:
    for landmarks in (False, True):
        form = SheetForm(landmarks=landmarks)
        store, data = written(tmp_path, "xlsx", "Ada", form=form)
        assert ("[1.5, 2.0]" in in_xlsx(data)[1]) is landmarks
        assert form_of(store, "t.xlsx", SCHEMA) == form


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_a_spreadsheet_would_run_is_defused_and_reading_it_back_is_the_inverse(
    tmp_path: Path, kind: str
) -> None:
    _, data = written(tmp_path, kind, *RUN, *NOT_RUN)
    if kind == "csv":
        cells = [row["person"] for row in in_csv(data)]
    else:
        cells = [row[0] for row in in_xlsx(data)[1:]]
    assert cells == [*("'" + text for text in RUN), *NOT_RUN]
    assert [undefused(cell) for cell in cells] == [*RUN, *NOT_RUN]


def test_what_headcount_reads_back_is_never_defused(tmp_path: Path) -> None:
    assert json.loads(written(tmp_path, "jsonl", "=1+1")[1])["person"] == "=1+1"
    data = written(tmp_path, "parquet", "=1+1")[1]
    assert pq.read_table(io.BytesIO(data))["person"].to_pylist() == ["=1+1"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_roster_made_of_a_table_for_people_means_the_photos_of_the_table(
    tmp_path: Path, kind: str
) -> None:
    store, keys = MemoryStore(), ["=a.jpg", "@b.jpg", "-c.jpg", "'=d.jpg", "'e.jpg"]
    faces = pa.table({"photo": keys, "person": ["Ada"] * 5})
    write_table(store, "faces", faces.schema, [faces], formats=[kind], folder=tmp_path)
    roster = read_roster(store.get(f"faces.{kind}").data, f"faces.{kind}")
    assert roster.lines["scope"].to_pylist() == keys


def test_a_table_with_more_rows_than_a_sheet_has_goes_on_in_a_further_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_ROWS", 4)
    sheets = read_values(written(tmp_path, "xlsx", *map(str, range(7)))[1], "t.xlsx").sheets
    assert list(sheets) == ["t", "t 2", "t 3"]
    assert {tuple(rows[0]) for rows in sheets.values()} == {("person", "similarity", "photos")}
    rows = [row for rows in sheets.values() for row in rows[1:]]
    assert [row[0] for row in rows] == list(map(str, range(7)))


def test_a_full_sheet_without_further_rows_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_ROWS", 4)
    sheets = read_values(written(tmp_path, "xlsx", "a", "b", "c")[1], "t.xlsx").sheets
    assert list(sheets) == ["t"]


def test_a_workbook_of_no_rows_has_its_columns(tmp_path: Path) -> None:
    assert in_xlsx(written(tmp_path, "xlsx")[1]) == [["person", "similarity", "photos"]]


def test_empty_cells_and_what_no_cell_can_hold_are_empty(tmp_path: Path) -> None:
    rows = [
        {"person": None, "similarity": None, "photos": None},
        {"person": "a\x01b", "similarity": float("nan"), "photos": 1},
        {"person": "_x0041_", "similarity": float("inf"), "photos": 2},
    ]
    store, made = MemoryStore(), pa.Table.from_pylist(rows, SCHEMA)
    write_table(store, "t", SCHEMA, [made], formats=["xlsx"], folder=tmp_path)
    with zipfile.ZipFile(io.BytesIO(store.get("t.xlsx").data)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "a_x0001_b" in sheet
    assert "_x005F_x0041_" in sheet, "or a spreadsheet shows A"
    assert [row[1:] for row in in_xlsx(store.get("t.xlsx").data)[2:]] == [["", 1], ["", 2]]


@pytest.mark.parametrize(
    ("text", "ends"),
    [("x" * MAX_CELL, "xxx"), ("x" * (MAX_CELL + 1), "xx…"), ("😀" * MAX_CELL, "😀😀…")],
)
def test_text_that_no_cell_can_hold_ends_in_an_ellipsis(
    tmp_path: Path, text: str, ends: str
) -> None:
    [_, [cell, *_]] = in_xlsx(written(tmp_path, "xlsx", text)[1])
    assert cell.endswith(ends)
    assert MAX_CELL - 1 <= len(cell.encode("utf-16-le")) // 2 <= MAX_CELL


def test_values_of_every_kind_are_written_as_what_they_are() -> None:
    rows: Sequence[Sequence[Any]] = [
        ["a", "", "007"],
        [2024, 0.5, True],
        [datetime(2026, 5, 1, 12, 30), date(2026, 5, 1), "=1+1"],
    ]
    [back] = read_values(write_sheets({"s": rows}, "x"), "t.xlsx").sheets.values()
    assert back == rows
