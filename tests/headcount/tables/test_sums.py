"""Sums of tables' files: recorded once, asked before a table is read, and right after a purge."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.contract.layout import SUMS, PackKeys
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.sums import RECORDS, read_sums, record_sums, require_unchanged, unite
from headcount.tables.table import Table

KEYS, S3 = PackKeys("p"), S3Settings()
ROWS = pa.table({"photo": ["a", "b"], "faces": [1, 2]})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path))
    for key in (KEYS.photos, KEYS.faces, KEYS.gallery):
        Table(store.uri, key, S3).create(ROWS.schema)
    return store


def photos(store: Store) -> Table:
    return Table(store.uri, KEYS.photos, S3)


def files(store: Store) -> set[str]:
    """The table's files, but Lance's hint where to look for the latest version."""
    keys = {info.key for info in store.list(f"{KEYS.photos}/")}
    return {key for key in keys if "hint" not in key}


def flip(store: Store, key: str, place: int = 40) -> None:
    data = bytearray(store.get(key).data)
    data[place] ^= 1
    store.put(key, bytes(data))


def test_only_new_files_are_read_and_recorded(store: Store) -> None:
    assert record_sums(store, KEYS, S3) > 0
    assert record_sums(store, KEYS, S3) == 0
    assert len(list(store.list(SUMS))) == 1
    photos(store).append(ROWS)
    assert record_sums(store, KEYS, S3) == 3  # data, manifest, transaction
    require_unchanged(store, [KEYS.photos, KEYS.faces], S3)


def test_staged_rows_have_no_sum_before_they_are_committed(store: Store) -> None:
    record_sums(store, KEYS, S3)
    staged = photos(store).stage(ROWS)
    assert record_sums(store, KEYS, S3) == 0
    photos(store).commit(staged)
    assert record_sums(store, KEYS, S3) == 3


@pytest.mark.parametrize("folder", ["data/", "_versions/"])
def test_a_table_with_a_changed_bit_is_not_read(store: Store, folder: str) -> None:
    photos(store).append(ROWS)
    record_sums(store, KEYS, S3)
    last = min(info.key for info in store.list(f"{KEYS.photos}/{folder}"))  # newest comes first
    flip(store, last)
    with pytest.raises(FatalError, match="headcount verify"):
        require_unchanged(store, [KEYS.photos], S3)
    require_unchanged(store, [KEYS.faces], S3)
    if folder == "data/":
        require_unchanged(store, [KEYS.photos], S3, data=False)


def test_a_table_that_lost_its_latest_version_is_not_read_as_the_one_before(store: Store) -> None:
    photos(store).append(ROWS)
    record_sums(store, KEYS, S3)
    store.delete(min(info.key for info in store.list(f"{KEYS.photos}/_versions/")))
    assert photos(store).count() == 0
    with pytest.raises(FatalError, match="missing"):
        require_unchanged(store, [KEYS.photos], S3)


def test_a_purged_table_has_sums_of_what_is_left(store: Store) -> None:
    photos(store).append(ROWS)
    record_sums(store, KEYS, S3)
    photos(store).delete("photo = 'a'")
    photos(store).purge()
    record_sums(store, KEYS, S3)
    unite(store)
    there = files(store)
    sums = read_sums(store)
    assert {key for key in sums.files if key.startswith(KEYS.photos)} == there
    require_unchanged(store, [KEYS.photos], S3)


def test_records_are_made_one_when_there_are_many(store: Store) -> None:
    for _ in range(RECORDS + 3):
        photos(store).append(ROWS)
        record_sums(store, KEYS, S3)
    assert len(list(store.list(SUMS))) < RECORDS
    known = set(read_sums(store).files)
    assert files(store) <= known


def test_a_dropped_pack_leaves_no_sums(store: Store) -> None:
    record_sums(store, KEYS, S3)
    unite(store, without=KEYS.root)
    assert not read_sums(store).files
    assert not read_sums(store).versions
