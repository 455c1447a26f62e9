"""What every store does, said once and run against memory, a directory and a real S3 server."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectChanged,
    ObjectMissing,
    ObjectTooLarge,
)
from headcount.storage.base import Store
from headcount.storage.local.store import DirectoryStore
from headcount.storage.memory import MemoryStore
from headcount.storage.s3.store import S3Store
from tests.servers import S3Server

BUCKET = f"contract-{secrets.token_hex(4)}"
"""Of this process: others that run tests make their own."""

NASTY = [
    "a-b",
    "a/b",
    "a0",
    "a.b/c",
    "a b/c d.jpg",
    "a+b",
    "a%20b",
    "a%2Fb",
    "a/b-c",
    "a/c/d",
    "a/c-d",
    "a/c0",
    "a/c!/x",
    "A",
    "..x/y",
    "x..",
    "...",
    ".hidden/x",
    "b#?&=;:@$,",
    "d'q\"",
    "<e>&amp;",
    "tab\there",
    "zz/\uffff.jpg",
    "zz/😀.jpg",
    "ü/é.jpg",
    "u\u0308/e\u0301.jpg",
    "日本/写真 1.jpg",
    "~tilde*",
    "CON/nul",
]


@pytest.fixture(
    params=["memory", "directory", pytest.param("s3", marks=pytest.mark.integration)],
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "directory":
        yield DirectoryStore(tmp_path / "a store")
    else:
        server: S3Server = request.getfixturevalue("contract_server")
        prefix = f"{secrets.token_hex(4)}/pre fix ü+%/"
        yield S3Store(BUCKET, prefix, server.settings(), concurrency=16)


@pytest.fixture(scope="module")
def contract_server(s3: S3Server) -> S3Server:
    """A server with a bucket; asked for by the tests on S3 alone, which are skipped without it."""
    client = s3.client()
    if not client.bucket_exists(BUCKET):
        client.make_bucket(BUCKET)
    return s3


@pytest.fixture
def nasty(store: Store) -> Store:
    for key in NASTY:
        store.put(key, key.encode())
    return store


def keys(store: Store, prefix: str = "", start_after: str = "") -> list[str]:
    return [info.key for info in store.list(prefix, start_after=start_after)]


def test_what_was_put_is_read_back_with_its_etag(store: Store) -> None:
    etag = store.put("folder/one.bin", b"\0\xff data")
    blob = store.get("folder/one.bin")
    assert (blob.data, blob.etag) == (b"\0\xff data", etag)
    info = store.stat("folder/one.bin")
    assert (info.key, info.etag, info.size) == ("folder/one.bin", etag, 7)
    assert list(store.list()) == [info]


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"")
    assert store.get("empty", limit=0).data == b""
    assert store.stat("empty").size == 0
    assert keys(store) == ["empty"]


def test_a_store_where_nothing_was_written_lists_nothing(store: Store) -> None:
    assert keys(store) == []
    assert keys(store, "some/where/") == []


def test_any_name_survives_the_round_trip(nasty: Store) -> None:
    for key in NASTY:
        assert nasty.get(key).data == key.encode()
        assert nasty.stat(key).key == key


def test_keys_are_listed_in_utf8_byte_order(nasty: Store) -> None:
    assert keys(nasty) == sorted(NASTY, key=str.encode)


@pytest.mark.parametrize("prefix", ["a", "a/", "a/c", "a-", "zz/", "ü", "a b/c d.jpg", "no", "/"])
def test_a_prefix_gives_exactly_the_keys_that_start_with_it(nasty: Store, prefix: str) -> None:
    wanted = [key for key in sorted(NASTY) if key.startswith(prefix)]
    assert keys(nasty, prefix) == wanted


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/c"])
def test_start_after_gives_exactly_the_greater_keys(nasty: Store, prefix: str) -> None:
    wanted = [key for key in sorted(NASTY) if key.startswith(prefix)]
    for after in ["A", "a", "a-", "a-b", "a/", "a/b", "a/c", "a/c/", "a/c/d", "a0", "zz", "\uffff"]:
        assert keys(nasty, prefix, after) == [key for key in wanted if key > after], after


def test_a_prefix_that_would_leave_the_store_gives_nothing(nasty: Store) -> None:
    assert keys(nasty, "../") == []
    assert keys(nasty, "a/../") == []


def test_listing_goes_on_over_many_pages(store: Store) -> None:
    wanted = sorted([f"p/{n:04}.jpg" for n in range(2200)] + [f"p/{n:04}-x/y" for n in range(300)])
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: store.put(key, b"x"), wanted))
    assert keys(store) == wanted
    assert keys(store, "p/", "p/1500.jpg") == [k for k in wanted if k > "p/1500.jpg"]


def test_a_key_that_is_not_there_is_missing(store: Store) -> None:
    store.put("folder/file", b"x")
    for key in ("nothing", "folder", "folder/file/below", "x" * 255 + "/y"):
        for read in (store.get, store.stat, lambda key: store.get_range(key, 0, 1)):
            with pytest.raises(ObjectMissing):
                read(key)


def test_an_object_over_the_limit_is_refused(store: Store) -> None:
    store.put("ten", b"0123456789")
    assert store.get("ten", limit=10).data == b"0123456789"
    with pytest.raises(ObjectTooLarge, match="10 bytes, 9 allowed"):
        store.get("ten", limit=9)
    assert store.get("ten").data == b"0123456789"  # the connection is still good


def test_folders_are_named_and_not_what_is_in_them(store: Store) -> None:
    def folders(prefix: str = "") -> list[str]:
        return list(store.folders(prefix))

    assert folders() == folders("jobs/") == []
    for key in ("jobs/b/spec", "jobs/a/done/1", "jobs/a/done/2", "jobs/a-b/x", "jobs/note", "top"):
        store.put(key, b"")
    assert folders() == ["jobs"]
    assert folders("jobs/") == ["a", "a-b", "b"]
    assert folders("jobs/a/") == ["done"]
    assert folders("job/") == folders("jobs/a/done/") == []
    store.delete("jobs/b/spec")
    assert folders("jobs/") in (["a", "a-b"], ["a", "a-b", "b"])  # as some servers keep it


def test_a_range_is_cut_at_the_end_of_the_object(store: Store) -> None:
    store.put("ten", b"0123456789")
    assert store.get_range("ten", 0, 4) == b"0123"
    assert store.get_range("ten", 8, 100) == b"89"
    assert store.get_range("ten", 10, 5) == b""
    assert store.get_range("ten", 3, 0) == b""


def test_a_range_is_given_only_of_the_object_that_was_meant(store: Store) -> None:
    etag = store.put("ten", b"0123456789")
    assert next(store.list()).etag == etag
    assert store.get_range("ten", 2, 3, etag=etag) == b"234"
    store.put("ten", b"9876543210!")
    with pytest.raises(ObjectChanged):
        store.get_range("ten", 2, 3, etag=etag)


def test_the_etag_changes_with_the_object(store: Store) -> None:
    first = store.put("key", b"one")
    second = store.put("key", b"other")
    assert first != second
    assert store.stat("key").etag == second


def test_put_new_writes_only_where_there_is_nothing(store: Store) -> None:
    assert store.put_new("folder/marker", b"first") is True
    assert store.put_new("folder/marker", b"second") is False
    assert store.get("folder/marker").data == b"first"
    store.delete("folder/marker")
    assert store.put_new("folder/marker", b"") is True
    assert store.put_new("folder/marker", b"") is False


def test_of_sixteen_that_race_exactly_one_wins(store: Store) -> None:
    for n in range(2):
        barrier = threading.Barrier(16)

        def claim(who: int, key: str = f"race {n}", start: threading.Barrier = barrier) -> bool:
            start.wait()
            return store.put_new(key, f"writer {who}".encode())

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(claim, range(16)))
        assert won.count(True) == 1
        assert store.get(f"race {n}").data == f"writer {won.index(True)}".encode()


def test_readers_see_the_old_object_or_the_new_one(store: Store) -> None:
    old, new = b"o" * 300_000, b"n" * 300_000
    store.put("key", old)
    with ThreadPoolExecutor(4) as pool:
        writes = pool.map(lambda n: store.put("key", new if n % 2 else old), range(20))
        reads = list(pool.map(lambda _: store.get("key").data, range(40)))
        list(writes)
    assert set(reads) <= {old, new}


def test_a_file_becomes_an_object(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "large"
    data = secrets.token_bytes(1 << 20) * 20  # on S3 this goes in parts
    path.write_bytes(data)
    etag = store.put_file("folder/large", path)
    assert store.stat("folder/large").etag == etag
    assert store.get("folder/large").data == data
    assert store.get_range("folder/large", 17 << 20, 10) == data[17 << 20 :][:10]


def test_a_deleted_object_is_gone_and_may_be_deleted_again(store: Store) -> None:
    store.put("folder/file", b"x")
    store.delete("folder/file")
    store.delete("folder/file")
    store.delete("never/was")
    assert keys(store) == []


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/etc/out", "..", ".", "", "a//b", "a/"])
def test_no_key_leads_out_of_the_store(store: Store, key: str) -> None:
    for write in (store.put, store.put_new):
        with pytest.raises(FatalError):
            write(key, b"x")
    with pytest.raises(FatalError):
        store.delete(key)
    with pytest.raises(HeadcountError):
        store.get(key)
    assert keys(store) == []


def test_clearing_leftovers_touches_no_object(store: Store) -> None:
    store.put("a/b", b"x")
    store.clear_leftovers()
    store.clear_leftovers("a/", below=False)
    assert [info.key for info in store.list()] == ["a/b"]


def test_a_store_that_was_written_to_passes_its_check(store: Store) -> None:
    store.put("key", b"x")
    store.check()


def test_many_threads_may_use_one_store(store: Store) -> None:
    def work(n: int) -> bool:
        key = f"thread/{n % 7}/{n}"
        store.put(key, str(n).encode())
        return store.get(key).data == str(n).encode()

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(200)))
    assert len(keys(store, "thread/")) == 200
