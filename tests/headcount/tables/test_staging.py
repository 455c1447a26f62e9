"""Archive tables that grow while several builds write to them: what the guards keep out."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.tables.table import Table

FIRST = pa.schema([("photo", pa.string()), ("score", pa.float32())])
BLUR = FIRST.append(pa.field("blur", pa.float32()))
GLARE = FIRST.append(pa.field("glare", pa.float32()))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    made = Table(f"{tmp_path.as_uri()}/", "t.lance", S3Settings())
    made.create(FIRST)
    return made


def rows(schema: pa.Schema, photo: str, value: float = 0.5) -> pa.Table:
    values = {name: [photo if name == "photo" else value] for name in schema.names}
    return pa.table(values, schema=schema)


def read(table: Table, *names: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row.values()) for row in table.read(["photo", *names]).to_pylist())


def test_a_table_that_is_there_takes_a_later_column_and_its_rows_are_null_there(
    table: Table,
) -> None:
    table.append(rows(FIRST, "old"))
    for _ in range(2):
        table.create(BLUR, later=["blur"])
    table.append(rows(BLUR, "new"))
    assert read(table, "blur") == [("new", 0.5), ("old", None)]


def test_rows_of_an_older_build_go_in_whether_staged_before_the_growth_or_after(
    table: Table,
) -> None:
    before = table.stage(rows(FIRST, "before"))
    table.grow(BLUR, later=["blur"])
    after = table.stage(rows(FIRST, "after"))
    assert table.misfits([before, after]) == []
    table.commit([*before, *after, *table.stage(rows(BLUR, "new"))])
    assert read(table, "blur") == [("after", None), ("before", None), ("new", 0.5)]


def test_what_an_older_build_staged_bears_no_label_and_is_committed(table: Table) -> None:
    [fragment] = table.stage(rows(FIRST, "a"))
    plain = json.loads(fragment)
    assert plain.pop("headcount")["version"] == table.version
    assert table.misfits([[json.dumps(plain)]]) == []
    table.commit([json.dumps(plain)])
    assert read(table) == [("a",)]


def test_a_table_that_a_newer_build_has_grown_is_no_obstacle(table: Table) -> None:
    table.grow(BLUR, later=["blur"])
    table.create(FIRST)
    table.append(rows(FIRST, "a"))
    assert read(table, "blur") == [("a", None)]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (BLUR, "there is no column blur"),
        (pa.schema([("photo", pa.string()), ("score", pa.float64())]), "score is float and not"),
        (pa.schema([("Photo", pa.string()), ("score", pa.float32())]), "no column Photo"),
    ],
)
def test_any_other_difference_is_refused_in_words(
    table: Table, schema: pa.Schema, words: str
) -> None:
    for change in (table.create, table.grow):
        with pytest.raises(FatalError, match=words):
            change(schema, later=["glare"])
    assert table.version == 1, "and nothing is written"


def test_of_several_that_grow_a_table_at_once_all_find_it_grown(tmp_path: Path) -> None:
    table = Table(f"{tmp_path.as_uri()}/", "t.lance", S3Settings())
    table.create(FIRST)
    wide = BLUR.append(pa.field("glare", pa.float32()))
    start = threading.Barrier(6)

    def grow(schema: pa.Schema) -> None:
        start.wait()
        table.grow(schema, later=["blur", "glare"])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(grow, [BLUR, wide] * 3))
    table.append(rows(wide, "a"))
    assert read(table, "blur", "glare") == [("a", 0.5, 0.5)]


def test_rows_staged_before_a_rollback_are_never_read_under_another_columns_name(
    table: Table,
) -> None:
    """The number of a column that a rollback took back is given to the next one."""
    narrow = table.version
    table.grow(BLUR, later=["blur"])
    staged = table.stage(rows(BLUR, "late", 0.25))
    table.restore(narrow)
    table.grow(GLARE, later=["glare"])
    assert table.misfits([(), staged]) == [1]
    with pytest.raises(FatalError, match="blur float"):
        table.commit(staged)
    assert read(table, "glare") == []


def test_rows_staged_before_a_rollback_to_equal_columns_are_refused_too(table: Table) -> None:
    then = table.version
    table.append(rows(FIRST, "undone"))
    staged = table.stage(rows(FIRST, "late"))
    table.restore(then)
    with pytest.raises(FatalError, match="was rolled back"):
        table.commit(staged)
    assert read(table) == []


def test_rows_staged_for_a_version_that_was_removed_are_done_anew(table: Table) -> None:
    staged = json.loads(table.stage(rows(FIRST, "a"))[0])
    staged["headcount"]["version"] = 99
    assert table.misfits([[json.dumps(staged)]]) == [0]


def test_a_scan_by_schema_is_null_in_columns_that_the_table_does_not_have_yet(
    table: Table,
) -> None:
    table.append(rows(FIRST, "a"))
    [batch] = table.scan(pa.schema([BLUR.field("blur"), BLUR.field("photo")]))
    assert batch.to_pylist() == [{"blur": None, "photo": "a"}]
