import random
from pathlib import Path

import pytest

from headcount.collections.entries import Entry, unreadable
from headcount.collections.index import PAGE, PAGES_KEPT, Index, open_index
from headcount.collections.sorting import in_key_order
from headcount.errors import FatalError
from headcount.storage.base import ObjectInfo
from headcount.storage.memory import MemoryStore

KEYS = sorted({f"{n % 13}/{n:05}.jpg" for n in range(3 * PAGE)} | {"ü", "z\uffff", "z😀"})
CONTAINER = ObjectInfo("c.tar", "etag", 10)


def shuffled(keys: list[str], seed: int = 1) -> list[Entry]:
    entries = [Entry(key, f"e{n}", n, (n, "x")) for n, key in enumerate(keys)]
    random.Random(seed).shuffle(entries)  # noqa: S311 - no secret
    return entries


@pytest.mark.parametrize("run", [7, 1000, 10**6])
def test_entries_come_in_key_order_however_many_fit_in_memory(run: int) -> None:
    keys = KEYS[: 7 * run][:2000]
    ordered = list(in_key_order(shuffled(keys), run=run))
    assert [entry.key for entry in ordered] == keys
    assert {entry.key: entry.size for entry in ordered} == {key: n for n, key in enumerate(keys)}


@pytest.mark.parametrize("run", [2, 3, 100])
def test_of_equal_keys_the_last_is_kept(run: int) -> None:
    names = ["b", "a", "b", "c", "a", "b"]
    ordered = in_key_order([Entry(key, "", n) for n, key in enumerate(names)], run=run)
    assert [(entry.key, entry.size) for entry in ordered] == [("a", 4), ("b", 5), ("c", 3)]


def test_nothing_is_no_entry() -> None:
    assert list(in_key_order([])) == []


@pytest.fixture(scope="module")
def index() -> Index:
    return open_index(MemoryStore(), "s3://b/c.tar/", CONTAINER, lambda: shuffled(KEYS))


def test_every_entry_is_found_over_all_pages(index: Index) -> None:
    for key in KEYS[:: PAGE // 50]:
        found = index.find(key)
        assert found is not None
        assert (found.key, found.place) == (key, (found.size, "x"))
    for key in ("", "0", "zzz", "7/nothing"):
        assert index.find(key) is None


@pytest.mark.parametrize("prefix", ["", "1", "1/", "12/0", "z", "none"])
@pytest.mark.parametrize("after", ["", "1/", "12/00051.jpg", "~"])
def test_a_listing_gives_exactly_what_is_asked_for(index: Index, prefix: str, after: str) -> None:
    wanted = [key for key in KEYS if key.startswith(prefix) and key > after]
    assert [entry.key for entry in index.entries(prefix, after)] == wanted


def test_only_a_few_pages_are_held(index: Index) -> None:
    for key in KEYS[:: PAGE // 2]:
        index.find(key)
    assert len(index._pages) <= PAGES_KEPT


def test_an_index_is_made_once_for_each_version_of_a_container() -> None:
    store, made = MemoryStore(), []

    def scan() -> list[Entry]:
        made.append(1)
        return [Entry("a.jpg", "e", 1), unreadable("", "etag", 10, "cut off")]

    for etag in ("one", "one", "two", "one"):
        opened = open_index(store, "s3://b/c.tar/", ObjectInfo("c.tar", etag, 10), scan)
        fault = opened.find("")
        assert fault is not None
        assert fault.fault is not None
        assert [entry.key for entry in opened.entries()] == ["", "a.jpg"]
    assert len(made) == 2


def test_an_index_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    store = MemoryStore()

    def breaking() -> list[Entry]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        open_index(store, "s3://b/c.tar/", CONTAINER, breaking)
    opened = open_index(store, "s3://b/c.tar/", CONTAINER, lambda: [Entry("a", "e", 1)])
    assert opened.find("a") is not None


def test_an_index_whose_bytes_have_changed_is_made_anew_or_refused_in_words() -> None:
    store = MemoryStore()
    open_index(store, "s3://b/c.tar/", CONTAINER, lambda: shuffled(KEYS))
    [record] = [info.key for info in store.list() if info.key.endswith("index.json")]
    good, page = store.get(record).data, record.replace("index.json", "000001.json.z")
    store.put(record, good.replace(b"c.tar", b"d.tar"))
    open_index(store, "s3://b/c.tar/", CONTAINER, lambda: shuffled(KEYS))
    assert store.get(record).data == good
    data = bytearray(store.get(page).data)
    data[1000] ^= 4
    store.put(page, bytes(data))
    index = open_index(store, "s3://b/c.tar/", CONTAINER, lambda: shuffled(KEYS))
    with pytest.raises(FatalError, match="makes this index anew"):
        list(index.entries())
