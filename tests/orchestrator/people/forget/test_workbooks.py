"""A forgotten person taken out of XLSX tables, a run's own and ones that were saved anew."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.columns import FACES, PEOPLE
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.marks import MARKS
from headcount.contract.record import now
from headcount.contract.stored.jobs import SheetForm
from headcount.errors import FatalError
from headcount.export import write_table
from headcount.export.spreadsheets import write_sheets
from headcount.rosters.workbook import read_values
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from orchestrator.people.forget.results import OutOfReach, remove_from_results
from orchestrator.people.forget.workbooks import scrub_workbook
from tests.headcount.rosters.workbooks import NEVER_CALCULATED, Page, Raw, page, workbook
from tests.orchestrator.people.forget.test_results import job

STONE = ForgottenRecord(
    person_id="p1", at=now(), state="removing", person="Ada", faces=("f1",), photos=(("c", "a"),)
)
HEADER = ["face_id", "photo", "decision", "person_id", "person", "mine"]
ADA = ["f1", "a", "matched", "p1", "Ada", "of row one"]
NAMED = ["f2", "007", "matched", "p1", "Ada", 3]
BEN = ["f3", "a", "matched", "p2", "Ben", "yes"]
LEFT = [HEADER, ["f2", "007", "unknown", "", "", 3], BEN]


def scrubbed(data: bytes) -> dict[str, list[list[Any]]]:
    return read_values(scrub_workbook(data, FACES, STONE).data, "x").sheets


@pytest.fixture
def out(tmp_path: Path) -> Store:
    """Results as XLSX, with landmarks: Ada is enrolled, and found in photo ``a``."""
    store = open_store(canonical_uri(str(tmp_path / "out")), S3Settings())
    face = {
        "face_id": "f1",
        "photo": "a",
        "decision": "matched",
        "person_id": "p1",
        "person": "Ada",
    }
    other = {**face, "face_id": "f2", "person_id": "p2", "person": "=Ben", "landmarks": [1.0] * 10}
    rows: dict[str, tuple[pa.Schema, list[dict[str, Any]]]] = {
        "photos": (results.PHOTOS, [{"photo": "a", "outcome": "faces", "faces": 2}]),
        "faces": (results.FACES, [face, other]),
        "people": (results.PEOPLE, [{"person_id": "p1", "person": "Ada"}]),
    }
    for name, (schema, some) in rows.items():
        table = pa.Table.from_pylist(some, schema=schema)
        formats, form = ("parquet", "xlsx", "csv"), SheetForm(landmarks=True, separator=";")
        write_table(store, name, schema, [table], formats=formats, folder=tmp_path, form=form)
    return store


def texts(store: Store, key: str) -> str:
    return str(read_values(store.get(key).data, key).sheets)


def test_workbooks_of_a_run_lose_the_person_and_keep_their_form(out: Store, tmp_path: Path) -> None:
    assert "Ada" in texts(out, "faces.xlsx"), "this test can fail"
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    for name in ("faces", "people"):
        assert "Ada" not in texts(out, f"{name}.xlsx")
    [header, row] = read_values(out.get("faces.xlsx").data, "x").sheets["faces"]
    assert header == results.FACES.names, "with landmarks, as before"
    assert row[header.index("person")] == "'=Ben"
    assert out.get("faces.csv").data.startswith(b'\xef\xbb\xbf"face_id";"photo"')


@pytest.mark.parametrize("marked", [True, False])
def test_a_workbook_that_was_saved_anew_loses_the_person_and_keeps_the_rest(
    out: Store, tmp_path: Path, marked: bool
) -> None:
    subject = "headcount.table=faces headcount.contract=1"
    mine = write_sheets({"faces": [HEADER, ADA, NAMED, BEN]}, subject)
    out.put("faces.xlsx", mine)
    if not marked:
        out.delete(MARKS)
    remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
    assert read_values(out.get("faces.xlsx").data, "x").sheets == {"faces": LEFT}


def test_a_workbook_of_the_users_own_that_bears_the_name_of_a_table_stays(
    out: Store, tmp_path: Path
) -> None:
    mine = workbook(page(HEADER, ADA))
    out.delete(MARKS)
    for data in (mine, b"no workbook"):
        out.put("faces.xlsx", data)
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
        assert out.get("faces.xlsx").data == data


def test_a_workbook_without_the_person_is_not_written_again() -> None:
    data = workbook(page(HEADER, BEN, name="a"), page(["of mine"], name="b"))
    assert scrub_workbook(data, FACES, STONE).data == data


def test_rows_of_several_sheets_go_and_what_stands_above_and_beside_them_stays() -> None:
    faces = Page({2: ["a title"], 4: HEADER, 5: ADA, 7: NAMED}, name="faces")
    data = workbook(faces, page(HEADER, ADA, BEN, name="faces 2"), page(["note", 5], name="c"))
    sheets = scrubbed(data)
    blank, title = [""] * 6, ["a title", *[""] * 5]
    assert sheets["faces"] == [blank, title, blank, HEADER, blank, LEFT[1]]
    assert "Ada" not in str(sheets)
    assert sheets["faces 2"] == [HEADER, BEN]
    assert sheets["c"] == [["note", 5]]


def test_a_name_that_looks_like_a_number_or_is_defused_is_found() -> None:
    for name, cell in (("2024", 2024), ("2024", "2024"), ("=Ada", "'=Ada"), ("=Ada", "=Ada")):
        stone = STONE.model_copy(update={"person": name, "person_id": "gone"})
        data = workbook(page(["person_id", "person"], ["p9", cell]))
        [rows] = read_values(scrub_workbook(data, PEOPLE, stone).data, "x").sheets.values()
        assert rows == [["person_id", "person"], ["p9", ""]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (workbook(page(HEADER, ADA), page(["x"], name="h", state="hidden")), "hidden sheets"),
        (workbook(page(HEADER, [*ADA[:5], Raw("", "<f>1+1</f><v>2</v>")])), "formulas"),
        (workbook(page(["photo"], ["a"])), "no sheet with the columns face_id, photo"),
        (b"no workbook", "no XLSX file"),
    ],
)
def test_a_workbook_that_cannot_be_written_anew_is_said_to_be_out_of_reach(
    data: bytes, words: str
) -> None:
    with pytest.raises(FatalError, match=words):
        scrub_workbook(data, FACES, STONE)


def test_a_workbook_with_more_than_values_stays_where_nothing_tells_of_the_person() -> None:
    hidden = page(["Ben"], name="h", state="hidden")
    data = workbook(page(HEADER, BEN), hidden)
    assert scrub_workbook(data, FACES, STONE).data == data
    with pytest.raises(FatalError, match="hidden sheets"):
        scrub_workbook(
            workbook(page(HEADER, BEN), page(["Ada"], name="h", state="hidden")), FACES, STONE
        )


def test_a_comment_about_the_person_puts_a_workbook_out_of_reach() -> None:
    file = io.BytesIO(workbook(page(HEADER, BEN)))
    with zipfile.ZipFile(file, "a") as parts:
        parts.writestr("xl/comments1.xml", "<comments>Ada!</comments>")
    with pytest.raises(FatalError, match="it has comments"):
        scrub_workbook(file.getvalue(), FACES, STONE)


def test_words_about_the_person_in_columns_and_sheets_of_ones_own_are_named() -> None:
    data = workbook(page(HEADER, [*BEN[:5], "not Ada!"]), page(["Ada"], name="notes"))
    assert scrub_workbook(data, FACES, STONE).mentions == ("mine", "the sheet notes")


def test_what_is_out_of_reach_is_told_with_the_name_of_the_file(out: Store, tmp_path: Path) -> None:
    out.put("faces.xlsx", workbook(page(HEADER, ADA), page([NEVER_CALCULATED], name="f")))
    with pytest.raises(OutOfReach, match=r"faces\.xlsx: it has formulas"):
        remove_from_results(job(tmp_path / "out"), STONE, S3Settings())
