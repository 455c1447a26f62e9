"""Tags of objects, at a server that gives no ETags: SeaweedFS behind a proxy that strips them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import pytest

from headcount.collections import open_collection
from headcount.errors import ObjectChanged
from headcount.storage.memory import MemoryStore
from headcount.storage.s3.store import S3Store
from headcount.storage.s3.tags import tag_of, tag_of_answer
from tests.faulty_proxy import FaultyProxy
from tests.servers import S3Server


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3.endpoint, lambda *_: "untagged").running() as proxy:
        yield proxy


@pytest.fixture
def store(s3: S3Server, proxy: FaultyProxy) -> S3Store:
    return S3Store(s3.make_bucket(), "", s3.settings(endpoint_url=proxy.endpoint))


def replaced(store: S3Store, key: str, data: bytes) -> None:
    """Put it again until its time is another: times have whole seconds."""
    before = store.stat(key).etag
    while store.stat(key).etag == before:
        store.put(key, data)


@pytest.mark.integration
def test_listing_head_get_and_put_name_an_object_alike(store: S3Store) -> None:
    written = store.put("a/b.jpg", b"one")
    [listed] = store.list()
    assert listed == store.stat("a/b.jpg")
    assert store.get("a/b.jpg").etag == listed.etag == written
    assert store.get_range("a/b.jpg", 1, 1, etag=listed.etag) == b"n"


@pytest.mark.integration
def test_an_object_of_the_same_size_has_another_tag(store: S3Store) -> None:
    store.put("key", b"one")
    before = next(store.list())
    replaced(store, "key", b"two")
    assert next(store.list()) != before
    with pytest.raises(ObjectChanged):
        store.get_range("key", 0, 1, etag=before.etag)


def zipped(text: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as photos:
        photos.writestr(zipfile.ZipInfo("a.jpg"), text)
    return file.getvalue()


@pytest.mark.integration
def test_an_index_is_made_anew_for_a_container_of_the_same_size(
    store: S3Store, s3: S3Server, proxy: FaultyProxy
) -> None:
    settings, indexes = s3.settings(endpoint_url=proxy.endpoint), MemoryStore()
    store.put("x.zip", zipped(b"one"))

    def read() -> tuple[str, bytes]:
        collection = open_collection(f"{store.uri}x.zip", settings, indexes=indexes)
        [photo] = collection.list()
        return photo.etag, collection.get(photo.key).data

    first = read()
    replaced(store, "x.zip", zipped(b"two"))
    second = read()
    assert (first[1], second[1]) == (b"one", b"two")
    assert first[0] != second[0]


def test_no_tag_made_of_a_time_looks_like_an_md5() -> None:
    tag = tag_of_answer({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "Content-Length": "3"})
    assert tag == "modified-1704067200-3"
    assert not re.fullmatch("[0-9a-f]{32}(-[0-9]+)?", tag)


def test_a_weak_etag_is_the_same_tag() -> None:
    assert tag_of('W/"abc"', None, 1) == tag_of('"abc"', None, 1) == "abc"


def test_a_range_is_tagged_by_the_whole_objects_size() -> None:
    said = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "Content-Length": "3"}
    assert tag_of_answer(said | {"Content-Range": "bytes 0-2/90"}) == "modified-1704067200-90"
