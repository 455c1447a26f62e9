"""One table of columns: archive, results, CSV and the page in docs follow from it."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.contract import columns, results
from headcount.contract.columns import RESULTS, VERSION, Column, Columns
from headcount.contract.vocabulary import PROCESSED, Outcome
from headcount.export import write_table
from headcount.storage.memory import MemoryStore
from headcount.tables import schemas
from orchestrator.console.summary import summary_lines

DOCS = Path(__file__).parents[3] / "docs" / "results.md"

PUBLISHED = {
    "photos": "photo etag bytes width height orientation outcome reason faces",
    "faces": "face_id photo x y w h landmarks detection_score quality decision person_id person "
    "similarity probability runner_up margin cluster_id evidence",
    "people": "person_id person references photos faces",
    "clusters": "cluster_id faces photos person_id exemplar_face_id",
    "lineage": "job_id change cluster_id earlier_id faces person_id earlier_person_id",
    "expected": "scope needed photo person_id person status reason face_id similarity quality",
    "captions": "photo photo_row text names doubtful face_ids",
    "people_by_folder": "folder person_id person photos faces",
    "people_by_date": "date person_id person photos faces",
    "together": "person_id person other_id other photos",
}
"""Each table as it was first published: results that bear no mark are known by these."""
SINCE = {
    "expected": 2,
    **dict.fromkeys(("captions", "people_by_folder", "people_by_date", "together"), 5),
}
"""The version of the contract in which a table came, but for those of version 1."""

STORED = {
    columns.PHOTOS: "collection job_id profile photo etag bytes width height orientation outcome "
    "reason faces content",
    columns.FACES: "collection job_id photo face_id x y w h landmarks detection_score quality pass "
    "usable descriptor",
    columns.GALLERY: "person_id person source photo etag content x y w h quality descriptor",
}
"""The first columns of the archive's tables, in the order that every build writes."""

RESERVED = Path(__file__).with_name("reserved_words.txt")


def documented(table: Columns) -> str:
    """The table's part of docs/results.md."""
    known = {column.name: column for column in table.columns}
    lines = [f"### `{table.name}`: {table.rows}", ""]
    lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for field in table.shown():
        column = known[field.name]
        kind = str(column.type).replace("<item: float>", " of float").replace("float", "float32")
        kind = kind.replace("<item: string>", " of string")
        kind = kind.replace("fixed_size_", "").replace("[10]", ", 10") + " or null" * column.null
        lines.append(f"| `{column.name}` | {kind} | {column.unit} | {column.meaning} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", list(RESULTS))
def test_the_page_in_docs_has_every_column(name: str) -> None:
    assert documented(RESULTS[name]) in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(RESULTS))
def test_what_was_published_once_is_never_reordered_or_left_out(name: str) -> None:
    since, names = SINCE.get(name, 1), PUBLISHED[name].split()
    assert RESULTS[name].shown(version=since).names == names
    assert since == 1 or RESULTS[name].shown(version=since - 1).names == []
    assert RESULTS[name].published(VERSION)[-1] == names


@pytest.mark.parametrize("table", list(STORED), ids=lambda table: table.name)
def test_columns_of_the_archive_are_added_at_the_end_only(table: Columns) -> None:
    first = STORED[table].split()
    assert table.stored(8).names[: len(first)] == first
    assert table.later == set(table.stored(8).names[len(first) :])


def test_a_later_column_may_be_null_and_comes_last_in_its_table() -> None:
    for table in (*RESULTS.values(), columns.GALLERY):
        added = [column for column in table.columns if not column.formerly]
        since = [column.since for column in added]
        assert since == sorted(since)
        assert all(column.null for column in added if column.since > since[0])


def test_a_column_of_the_results_alone_may_have_a_new_name_in_its_old_place() -> None:
    renamed = Column("b", pa.string(), "", shown=True, since=2, formerly="select")
    table = Columns("t", "", (renamed, Column("c", pa.string(), "", shown=True)))
    assert table.published(2) == [["b", "c"], ["select", "c"]]
    assert table.shown().names == ["b", "c"]
    for known in (*RESULTS.values(), columns.GALLERY):
        assert not [c.name for c in known.columns if c.formerly and c.stored]


def test_the_references_of_people_are_counted_under_a_name_that_sql_takes() -> None:
    names = "person_id person reference_count photos faces"
    assert columns.PEOPLE.shown(2).names == names.split()


@pytest.mark.parametrize(
    "table", [*RESULTS.values(), columns.GALLERY], ids=lambda table: table.name
)
def test_no_column_is_named_by_a_word_that_sql_keeps_for_itself(table: Columns) -> None:
    lines = RESERVED.read_text(encoding="utf-8").splitlines()
    words = {word for line in lines if not line.startswith("#") for word in line.split()}
    assert {"select", "references", "raise", "pivot_wider", "system_user"} <= words
    assert {column.name for column in table.columns} & words == set()


def test_a_new_column_goes_to_archive_and_results_and_only_there() -> None:
    blur = Column(
        "blur", pa.float32(), "how blurred", null=True, stored=True, shown=True, since=VERSION
    )
    grown = Columns("t", "", (Column("a", pa.string(), "", stored=True, shown=True), blur))
    assert grown.stored().names == grown.shown().names == ["a", "blur"]
    assert grown.published(VERSION) == [["a", "blur"], *[["a"]] * (VERSION - 1)]
    assert grown.later == {"blur"}


def test_archive_results_and_csv_have_the_types_that_readers_know(tmp_path: Path) -> None:
    assert schemas.faces_schema(8).field("descriptor").type == pa.list_(pa.float16(), 8)
    assert schemas.faces_schema(8).field("landmarks").type == pa.list_(pa.float32(), 10)
    assert schemas.gallery_schema(8).field("descriptor").type == pa.list_(pa.float32(), 8)
    assert results.FACES.field("landmarks").type == pa.list_(pa.float32())
    out = MemoryStore()
    write_table(out, "faces", results.FACES, [], formats=["csv"], folder=tmp_path)
    header = out.get("faces.csv").data.decode("utf-8-sig").strip().replace('"', "")
    assert header.split(",") == [name for name in results.FACES.names if name != "landmarks"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_which_photos_were_processed_is_said_in_one_place(outcome: Outcome) -> None:
    summary = {
        **dict.fromkeys(("photos", "faces", "people_found", "people", "clusters", "expected"), 0),
        "outcomes": {outcome.value: 3},
        "decisions": {},
    }
    counted_as_bad = "3 not processed" in summary_lines(summary)[0]
    assert counted_as_bad is (outcome not in PROCESSED) is (not outcome.processed)
