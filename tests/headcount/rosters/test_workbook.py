import io
import zipfile
from collections.abc import Sequence

import pytest

from headcount.errors import FatalError
from headcount.rosters import workbook as module
from headcount.rosters.rows import BadCell
from headcount.rosters.workbook import read_workbook
from tests.headcount.rosters.workbooks import (
    DATE,
    NEVER_CALCULATED,
    NOT_AVAILABLE,
    TRUE,
    Page,
    Raw,
    Value,
    page,
    workbook,
    zipped,
)

HEAD = ("photo", "person")


def rows_of(*pages: Page) -> dict[int, list[str]]:
    rows = read_workbook(workbook(*pages), "r.xlsx").rows
    return {
        row.number: [cell.fault if isinstance(cell, BadCell) else cell for cell in row.cells]
        for row in rows
        if not row.blank
    }


def test_numbers_are_the_text_that_is_seen_and_text_stays_text() -> None:
    assert rows_of(page(HEAD, ("a.jpg", 2024), ("b.jpg", "007"), ("c.jpg", 3.5))) == {
        2: ["a.jpg", "2024"],
        3: ["b.jpg", "007"],
        4: ["c.jpg", "3.5"],
    }


def test_rows_and_columns_are_counted_from_the_sheet_s_first() -> None:
    rows: dict[int, Sequence[Value]] = {3: HEAD, 5: ("a.jpg", NOT_AVAILABLE), 6: (None, "Ada")}
    found = rows_of(Page(rows, left=2, merged=["C5:C6"]))
    assert found[5] == ["", "", "a.jpg", "a cell says #N/A"]
    assert found[6] == ["", "", "a.jpg", "Ada"]


def test_merged_cells_are_filled_downwards_and_no_further() -> None:
    rows: dict[int, Sequence[Value]] = {
        1: HEAD,
        2: ("a.jpg", "Ada"),
        3: (None, "Ben"),
        4: (None, "Cy"),
        5: (None, "Di"),
    }
    assert [cells[0] for cells in rows_of(Page(rows, merged=["A2:A4"])).values()] == [
        "a.jpg",
        "a.jpg",
        "a.jpg",
        "",
    ]


def test_cells_that_are_no_text_say_so() -> None:
    found = rows_of(page(HEAD, (DATE, "Ada"), ("a.jpg", TRUE), ("b.jpg", NEVER_CALCULATED)))
    assert "a date or a time (2024-05-01" in found[2][0]
    assert "TRUE" in found[3][1]
    assert "formula has no result" in found[4][1]
    endless = rows_of(page(HEAD, (Raw("", "<v>1e999</v>"), "Ada")))
    assert "too large" in endless[2][0]


def test_a_formula_with_a_result_is_its_result() -> None:
    named = Raw('t="str"', "<f>A1</f><v>Ada</v>")
    empty = Raw('t="str"', "<f>A1</f><v></v>")
    assert rows_of(page(HEAD, ("a.jpg", named), ("b.jpg", empty))) == {
        2: ["a.jpg", "Ada"],
        3: ["b.jpg", ""],
    }


def test_the_sheet_with_the_header_is_read_and_hidden_ones_are_not() -> None:
    old = page(HEAD, ("a.jpg", "Old"), name="Old", state="hidden")
    assert rows_of(page(("notes",)), old, page(HEAD, ("a.jpg", "Ada"), name="B")) == {
        2: ["a.jpg", "Ada"]
    }


def test_two_rosters_in_one_file_are_refused() -> None:
    with pytest.raises(FatalError, match="several rosters, the sheets 'A', 'B'"):
        rows_of(page(HEAD, name="A"), page(HEAD, name="B"))


def test_a_workbook_without_a_header_is_told_what_is_accepted() -> None:
    with pytest.raises(FatalError, match=r"filename.*begins with 'Ada'"):
        rows_of(page(("Ada", 3)))


def test_a_cell_far_out_is_refused_before_the_sheet_is_held() -> None:
    far = Page({1: HEAD, 1_048_576: (*[None] * 16_383, "x")})
    with pytest.raises(FatalError, match=r"row 1,048,576 and column 16,384"):
        rows_of(far)


def test_empty_cells_with_a_format_reach_nowhere() -> None:
    styled = Page({1: HEAD, 2: ("a.jpg", "Ada"), 1_048_576: (*[None] * 16_383, Raw('s="1"', ""))})
    assert rows_of(styled) == {2: ["a.jpg", "Ada"]}


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNPACKED", 1000)
    with pytest.raises(FatalError, match="unpacks to"):
        rows_of(page(HEAD, ("a.jpg", "Ada" * 300)))


def test_more_problems_than_are_remembered_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PROBLEMS", 2)
    with pytest.raises(FatalError, match="more than 2 cells"):
        rows_of(page(HEAD, *[("a.jpg", NOT_AVAILABLE)] * 3))


def test_what_is_no_workbook_is_refused() -> None:
    for data in (zipped({"a.txt": "x"}), b"PK\x03\x04 and no more", b"PK\x03\x04"):
        with pytest.raises(FatalError, match=r"r\.xlsx is no XLSX file"):
            read_workbook(data, "r.xlsx")


def test_a_workbook_that_was_cut_off_or_damaged_is_refused_and_never_read_in_part() -> None:
    whole = workbook(page(HEAD, *[(f"{n}.jpg", f"Person {n}") for n in range(200)]))
    for length in range(0, len(whole), 97):
        with pytest.raises(FatalError):
            read_workbook(whole[:length], "r.xlsx")


def test_a_sheet_with_a_document_type_is_refused() -> None:
    file = io.BytesIO(workbook(page(HEAD)))
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = '<!DOCTYPE x [<!ENTITY e "eeee">]>' + parts[sheet]
    with pytest.raises(FatalError, match="document type"):
        read_workbook(zipped(parts), "r.xlsx")
