"""The columns of an open archive: their names, types and the page in docs."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.archive.columns import EMBEDDINGS, TABLES, schema_of
from headcount.contract.column import Columns
from headcount.contract.columns import RESULTS

ROOT = Path(__file__).parents[3]
RESERVED = ROOT / "tests" / "headcount" / "contract" / "reserved_words.txt"


def documented(table: Columns) -> str:
    """The table's part of docs/python.md: columns of results are explained there."""
    lines = [
        f"### `{table.name}`: {table.rows}",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
    ]
    for column in table.columns:
        kind = str(column.type).replace("fixed_size_", "").replace("<item: float>", " of float32")
        kind = kind.removesuffix("[10]") if kind != "float" else "float32"
        said = f"{column.meaning}, {column.unit}" if column.unit else column.meaning
        lines.append(f"| `{column.name}` | {kind}{' or null' * column.null} | {said} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_in_docs_has_every_column(table: Columns) -> None:
    assert documented(table) in (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_column_is_a_reserved_word_or_of_halves(table: Columns) -> None:
    reserved = set(RESERVED.read_text().split())
    schema = schema_of(table, 8)
    assert not reserved & set(schema.names)
    assert "halffloat" not in str(schema)
    assert len(set(schema.names)) == len(schema.names)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_of_results_have_the_type_that_they_have_there(table: Columns) -> None:
    for found in RESULTS.values():
        if found.name == table.name:
            there = {field.name: field.type for field in found.shown()}
            here = {field.name: field.type for field in schema_of(table)}
            assert {n: k for n, k in here.items() if n in there}.items() <= there.items()


def test_embeddings_are_as_other_programs_read_them() -> None:
    schema = schema_of(EMBEDDINGS, 128)
    assert schema.names[:6] == ["row_id", "photo", "face_id", "embedding", "pack", "metric"]
    assert schema.field("embedding").type == pa.list_(pa.float32(), 128)
    assert not any(schema.field(name).nullable for name in schema.names[:6])
    kinds = {str(field.type) for field in schema} - {"fixed_size_list<item: float>[128]"}
    assert kinds == {"string", "float"}
