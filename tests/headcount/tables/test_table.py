from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.tables.filters import any_of, quoted
from headcount.tables.schemas import PHOTOS
from headcount.tables.table import SMALL_FRAGMENTS, Table


def rows(job: str, *photos: str) -> pa.Table:
    table = {
        name: [None] * len(photos) if pa.types.is_string(kind) else [0] * len(photos)
        for name, kind in zip(PHOTOS.names, PHOTOS.types, strict=True)
    }
    table |= {"collection": ["c"] * len(photos), "job_id": [job] * len(photos)}
    return pa.table(table | {"photo": list(photos)}, schema=PHOTOS)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    made = Table(f"{tmp_path.as_uri()}/", "photos.lance", S3Settings())
    made.create(PHOTOS)
    return made


def photos(table: Table, where: str | None = None) -> list[str]:
    batches = table.scan(["photo"], where=where, order_by=["photo"])
    return [photo for batch in batches for photo in batch.column("photo").to_pylist()]


def test_staged_rows_are_seen_only_when_they_are_committed_and_then_all_at_once(
    table: Table,
) -> None:
    fragments = table.stage(rows("j1", "b.jpg")) + table.stage(rows("j1", "a.jpg"))
    assert photos(table) == []
    table.commit(fragments)
    assert photos(table) == ["a.jpg", "b.jpg"]


def test_no_rows_make_no_fragment_and_no_version(table: Table) -> None:
    assert table.stage(rows("j1")) == ()
    table.commit(())
    assert table.count() == 0


def test_creating_a_table_that_is_there_keeps_its_rows(table: Table) -> None:
    table.append(rows("j1", "a.jpg"))
    table.create(PHOTOS)
    assert table.count() == 1


def test_names_with_quotes_can_be_looked_for_and_deleted(table: Table) -> None:
    table.append(rows("j1", "it's.jpg", "b.jpg", 'say "x".jpg'))
    assert photos(table, "photo = " + quoted("it's.jpg")) == ["it's.jpg"]
    table.delete(any_of("photo", ["it's.jpg", 'say "x".jpg']))
    assert photos(table) == ["b.jpg"]


def test_whole_rows_are_replaced_by_their_key_and_none_is_added(table: Table) -> None:
    table.append(rows("j1", "a.jpg", "b.jpg"))
    before = table.version
    table.replace(rows("j2", "b.jpg", "c.jpg"), on=("collection", "photo"))
    assert table.version == before + 1
    assert sorted(table.read(["photo", "job_id"]).to_pylist(), key=str) == [
        {"photo": "a.jpg", "job_id": "j1"},
        {"photo": "b.jpg", "job_id": "j2"},
    ]
    assert table.columns == PHOTOS.names


def test_compaction_changes_no_row(table: Table) -> None:
    names = [f"{n:03d}.jpg" for n in range(SMALL_FRAGMENTS + 2)]
    table.commit(f for name in names for f in table.stage(rows("j1", name)))
    table.compact()
    assert photos(table) == names


def test_a_table_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    missing = Table(f"{tmp_path.as_uri()}/", "none.lance", S3Settings())
    assert not missing.exists()
    with pytest.raises(FatalError, match=r"none\.lance"):
        missing.count()


def test_a_purged_table_holds_no_byte_of_what_was_deleted_however_often(tmp_path: Path) -> None:
    table = Table(f"file://{tmp_path}/", "t.lance", S3Settings())
    rows = pa.table({"name": ["ada", "grace"], "number": [1, 2]})
    table.create(rows.schema)
    table.append(rows.slice(0, 1))
    table.append(rows.slice(1, 1))
    for _ in range(2):
        table.delete("name = 'ada'")
        table.purge()
        files = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
        assert not any(b"ada" in data for data in files)
        assert any(b"grace" in data for data in files)
    assert table.read(["name"]).to_pylist() == [{"name": "grace"}]


def test_an_earlier_version_is_restored_as_a_new_one(tmp_path: Path) -> None:
    table = Table(f"file://{tmp_path}/", "t.lance", S3Settings())
    rows = pa.table({"name": ["ada"], "number": [1]})
    table.create(rows.schema)
    table.append(rows)
    then = table.version
    table.update({"number": "2"}, "name = 'ada'")
    assert table.read(["number"]).to_pylist() == [{"number": 2}]
    for _ in range(2):
        table.restore(then)
        assert table.version > then
        assert table.read(["number"]).to_pylist() == [{"number": 1}]
    table.purge()
    assert not table.has(then)


def test_the_nearest_rows_are_the_same_with_an_index_and_after_more_rows(tmp_path: Path) -> None:
    table = Table(f"file://{tmp_path}/", "t.lance", S3Settings())
    random = np.random.default_rng(2)
    vectors = random.normal(size=(400, 32)).astype(np.float16)

    def batch(first: int, last: int) -> pa.Table:
        flat = pa.array(vectors[first:last].reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(flat, 32)
        return pa.table({"number": list(range(first, last)), "v": column})

    table.create(batch(0, 1).schema)
    table.append(batch(0, 300))

    def nearest() -> list[int]:
        found = table.nearest("v", vectors[7], ["number"], count=1, where="number > 3")
        return found["number"].to_pylist()

    assert nearest() == [7]
    table.index("v")
    assert nearest() == [7]
    table.append(batch(300, 400))
    table.index("v")
    found = table.nearest("v", vectors[350], ["number"], count=1)
    assert found["number"].to_pylist() == [350]
    assert found["_distance"][0].as_py() < 1e-3
    table.purge()
    assert nearest() == [7]
