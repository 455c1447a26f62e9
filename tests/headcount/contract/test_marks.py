"""Whose a result table is: told by its mark, and by its columns where it bears none."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract import results
from headcount.contract.columns import VERSION
from headcount.contract.marks import MARKS, Mark, Standing, contract_of, digest_of, read_marks
from headcount.contract.stored.jobs import TABLE_FORMATS, SheetForm
from headcount.export import drop_formats, fetch_table, text_files, write_table
from headcount.export.spreadsheets import write_sheets
from headcount.storage.memory import MemoryStore

ROW = {"person_id": "p1", "person": "Ada", "reference_count": 1, "photos": 1, "faces": 2}
PEOPLE = pa.Table.from_pylist([ROW], results.PEOPLE)
FORMATS = TABLE_FORMATS
OURS = dict.fromkeys(TABLE_FORMATS[1:], Standing.OURS)


@pytest.fixture
def out(tmp_path: Path) -> MemoryStore:
    made = MemoryStore()
    write_table(made, "people", results.PEOPLE, [PEOPLE], formats=FORMATS, folder=tmp_path)
    return made


def states(out: MemoryStore) -> dict[str, Standing]:
    return text_files(out, "people", results.PEOPLE)


def contract(out: MemoryStore, folder: Path) -> int | None:
    found = fetch_table(out, "people.parquet", folder).schema
    return contract_of(found, "people", read_marks(out).get("people.parquet"))


def put_parquet(out: MemoryStore, table: pa.Table, folder: Path) -> None:
    """As another program saves it: without the metadata."""
    pq.write_table(table.replace_schema_metadata(), folder / "mine")
    out.put("people.parquet", (folder / "mine").read_bytes())


def test_every_file_is_marked_with_its_table_the_contract_and_its_hash(
    out: MemoryStore, tmp_path: Path
) -> None:
    marks = read_marks(out)
    assert sorted(marks) == ["people.csv", "people.jsonl", "people.parquet", "people.xlsx"]
    for key, mark in marks.items():
        assert mark == Mark(table="people", contract=VERSION, sha256=digest_of(out, key))
    metadata = fetch_table(out, "people.parquet", tmp_path).schema.metadata
    assert metadata[b"headcount.table"] == b"people"


def test_a_parquet_table_is_ours_by_its_metadata_whatever_its_columns(tmp_path: Path) -> None:
    out = MemoryStore()
    for schema in (pa.schema([("x", pa.string())]), results.PEOPLE.remove(2)):
        write_table(out, "people", schema, [], formats=["parquet"], folder=tmp_path, contract=7)
        out.delete(MARKS)
        assert contract(out, tmp_path) == 7


def test_a_parquet_table_that_lost_its_metadata_is_ours_by_the_file_beside_it(
    out: MemoryStore, tmp_path: Path
) -> None:
    put_parquet(out, PEOPLE.drop(["reference_count"]), tmp_path)
    assert contract(out, tmp_path) == VERSION
    out.delete(MARKS)
    assert contract(out, tmp_path) is None


def test_a_table_without_a_mark_is_ours_by_the_columns_of_a_published_version(
    out: MemoryStore, tmp_path: Path
) -> None:
    out.delete(MARKS)
    put_parquet(out, PEOPLE.append_column("note", pa.array(["x"])), tmp_path)
    assert contract(out, tmp_path) is not None
    edited = {"xlsx": Standing.EDITED}
    assert states(out) == OURS | edited, "a workbook is ours by its subject, and not whole by it"


@pytest.mark.parametrize(
    ("text", "marked", "bare"),
    [
        ('"person_id","person","references","photos","faces"\n', Standing.OURS, Standing.OURS),
        ("person_id,person,reference_count,photos,faces\n", Standing.OURS, Standing.OURS),
        ("person_id;person;references;photos;faces\r\n", Standing.EDITED, Standing.EDITED),
        ("person_id,person,references,photos,faces,note\n", Standing.EDITED, Standing.EDITED),
        ("\ufeffperson_id\tperson\tphotos\n", Standing.EDITED, None),
        ("photo\nmine.jpg\n", Standing.EDITED, None),
    ],
)
def test_a_csv_is_ours_by_its_mark_with_any_columns_and_any_separator(
    out: MemoryStore, text: str, marked: Standing, bare: Standing | None
) -> None:
    out.put("people.csv", text.encode())
    assert states(out)["csv"] is marked
    out.delete(MARKS)
    assert states(out).get("csv") is bare


@pytest.mark.parametrize("landmarks", [True, False])
def test_a_csv_of_faces_without_a_mark_is_ours_with_landmarks_and_without(
    tmp_path: Path, landmarks: bool
) -> None:
    out, form = MemoryStore(), SheetForm(landmarks=landmarks)
    more = {"formats": ["csv"], "folder": tmp_path, "form": form}
    write_table(out, "faces", results.FACES, [], **more)
    out.delete(MARKS)
    assert text_files(out, "faces", results.FACES) == {"csv": Standing.OURS}


def test_a_workbook_that_another_program_saved_is_edited_and_stays(out: MemoryStore) -> None:
    out.put("people.xlsx", write_sheets({"people": [["person_id"]]}, ""))
    assert states(out)["xlsx"] is Standing.EDITED
    drop_formats(out, "people", results.PEOPLE, keep=["parquet"])
    assert "people.xlsx" in read_marks(out)
    out.delete(MARKS)
    assert "xlsx" not in states(out), "it bears no mark at all"


def test_what_a_newer_build_wrote_is_whole_by_its_hash(tmp_path: Path) -> None:
    out, wide = MemoryStore(), PEOPLE.append_column("nearest", pa.array(["Ada"]))
    write_table(
        out, "people", wide.schema, [wide], formats=FORMATS, folder=tmp_path, contract=VERSION + 1
    )
    assert states(out) == OURS
    drop_formats(out, "people", results.PEOPLE, keep=["parquet"])
    assert sorted(info.key for info in out.list()) == ["people.parquet", MARKS]


def test_a_table_that_was_saved_anew_with_other_columns_stays_and_is_remembered(
    out: MemoryStore,
) -> None:
    out.put("people.csv", b"person_id;person;note\np1;Ada;mine\n")
    drop_formats(out, "people", results.PEOPLE, keep=["parquet"])
    assert out.get("people.csv").data.endswith(b"mine\n")
    assert sorted(read_marks(out)) == ["people.csv", "people.parquet"]


def test_a_file_of_the_users_own_where_marks_would_lie_stays(tmp_path: Path) -> None:
    for mine in (b'{"tables": []}', b"not JSON", b'{"files": {"a": 1}}'):
        out = MemoryStore()
        out.put(MARKS, mine)
        write_table(out, "people", results.PEOPLE, [], formats=["csv"], folder=tmp_path)
        assert out.get(MARKS).data == mine
        assert states(out) == {"csv": Standing.OURS}, "by its columns"


def test_marks_are_there_before_the_files_so_that_an_interruption_leaves_nothing_unmarked(
    tmp_path: Path,
) -> None:
    class Interrupted(MemoryStore):
        def put_file(self, key: str, path: Path) -> str:
            raise KeyboardInterrupt

    out = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        write_table(out, "people", results.PEOPLE, [], formats=["csv"], folder=tmp_path)
    assert list(json.loads(out.get(MARKS).data)["files"]) == ["people.csv"]
