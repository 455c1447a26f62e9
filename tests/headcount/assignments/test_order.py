import pyarrow as pa
import pytest

from headcount.assignments.order import first_rows

COLUMNS = pa.schema([("quality", pa.float32()), ("face", pa.string())])
ORDER = [("quality", "descending"), ("face", "ascending")]
SOME = pa.table({"quality": [0.5, 0.9, 0.5, 0.1], "face": ["c", "d", "b", "a"]}, schema=COLUMNS)


@pytest.mark.parametrize("limit", [0, 1, 3, 4, 9])
def test_the_first_rows_are_those_of_the_sorted_table(limit: int) -> None:
    assert first_rows(SOME, limit, ORDER).equals(SOME.sort_by(ORDER).slice(0, limit))


def test_rows_of_several_chunks_are_sorted_as_one() -> None:
    pieces = pa.concat_tables([SOME.slice(n, size) for n, size in ((0, 0), (2, 2), (0, 2))])
    assert first_rows(pieces, 2, ORDER)["face"].to_pylist() == ["d", "b"]


@pytest.mark.parametrize(
    "empty",
    [
        COLUMNS.empty_table(),
        pa.Table.from_batches([], COLUMNS),
        SOME.slice(1, 0),
        SOME.filter(pa.array([False] * 4)),
    ],
    ids=["of no row", "of no chunk", "sliced", "filtered"],
)
def test_an_empty_table_comes_back_as_it_is(empty: pa.Table) -> None:
    # The very table: pyarrow's kernel, which fails with it below version 26, is not asked.
    assert first_rows(empty, 3, ORDER) is empty
