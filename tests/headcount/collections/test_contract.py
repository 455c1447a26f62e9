"""What every collection does, said once and run against each kind of it, on disk and on S3."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from headcount.collections import canonical_collection, open_collection
from headcount.errors import ObjectMissing, ObjectTooLarge
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.storage.base import Reader
from headcount.storage.memory import MemoryStore
from tests.headcount.collections.containers import manifest_of, tar_of, zip_of
from tests.servers import S3Server

OBJECTS = {
    name: (name * 40).encode()
    for name in (
        "a-b.jpg",
        "a/b.jpg",
        "a.b/c.jpg",
        "a b/c d.jpg",
        "a%20b.jpg",
        "deep/" * 60 + "x.jpg",
        "line\nbreak.jpg",
        "zz/\uffff.jpg",
        "zz/😀.jpg",
        "ü/é.jpg",
        "u\u0308/e\u0301.jpg",
        "x" * 150 + ".jpg",
    )
}


@dataclass(frozen=True)
class Made:
    """A collection, and the photos that lie in it."""

    reader: Reader
    photos: dict[str, bytes]


def a_tar(base: Store) -> tuple[str, dict[str, bytes]]:
    base.put("c.tar", tar_of(OBJECTS))
    return "c.tar", OBJECTS


def a_zip(base: Store) -> tuple[str, dict[str, bytes]]:
    base.put("c.zip", zip_of(OBJECTS))
    return "c.zip", OBJECTS


def a_folder_of_archives(base: Store) -> tuple[str, dict[str, bytes]]:
    """Plain photos, two containers, and names that sort between a container and its members."""
    photos = OBJECTS | {"a.tar-x.jpg": b"x", "a.tar.jpg": b"y", "a/a.zipped.jpg": b"z"}
    for key, data in photos.items():
        base.put(key, data)
    base.put("a.tar", tar_of(OBJECTS))
    base.put("a/a.zip", zip_of(OBJECTS))
    photos |= {f"a.tar/{key}": data for key, data in OBJECTS.items()}
    return "", photos | {f"a/a.zip/{key}": data for key, data in OBJECTS.items()}


def a_manifest(kind: str) -> Callable[[Store], tuple[str, dict[str, bytes]]]:
    def make(base: Store) -> tuple[str, dict[str, bytes]]:
        for number, (_, data) in enumerate(OBJECTS.items()):
            base.put(f"some where/{number}", data)
        rows = [{"path": f"some where/{n}", "key": key} for n, key in enumerate(OBJECTS)]
        base.put(f"c.{kind}", manifest_of(rows, kind))
        return f"c.{kind}", OBJECTS

    return make


KINDS = {
    "tar": a_tar,
    "zip": a_zip,
    "archives": a_folder_of_archives,
    **{kind: a_manifest(kind) for kind in ("csv", "jsonl", "parquet")},
}


BUCKET = f"collections-{secrets.token_hex(4)}"
"""Of this process: others that run tests make their own."""


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.integration)])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, S3Settings]]:
    if request.param == "directory":
        yield open_store(str(tmp_path / "a base")), S3Settings()
        return
    server: S3Server = request.getfixturevalue("s3")
    if not server.client().bucket_exists(BUCKET):
        server.make_bucket(BUCKET)
    settings = server.settings()
    yield open_store(f"s3://{BUCKET}/{secrets.token_hex(4)} ü/", settings), settings


@pytest.fixture(params=list(KINDS))
def made(request: pytest.FixtureRequest, base: tuple[Store, S3Settings]) -> Made:
    store, settings = base
    name, photos = KINDS[request.param](store)
    reader = open_collection(
        canonical_collection(store.uri + name),
        settings,
        indexes=MemoryStore(),
        archives=request.param == "archives",
    )
    return Made(reader, photos)


def keys(reader: Reader, prefix: str = "", start_after: str = "") -> list[str]:
    return [info.key for info in reader.list(prefix, start_after=start_after)]


def test_every_photo_is_listed_once_in_utf8_byte_order(made: Made) -> None:
    assert keys(made.reader) == sorted(made.photos, key=str.encode)


def test_every_photo_is_read_back_under_the_etag_it_was_listed_with(made: Made) -> None:
    for info in made.reader.list():
        blob = made.reader.get(info.key)
        assert (blob.data, blob.etag) == (made.photos[info.key], info.etag)
        assert made.reader.stat(info.key) == info
        assert info.size == len(blob.data)


@pytest.mark.parametrize("prefix", ["a", "a/", "a.tar", "a.tar/a", "zz/", "ü", "no", "a b/c d.jpg"])
def test_prefix_and_start_give_exactly_those_keys(made: Made, prefix: str) -> None:
    wanted = [key for key in sorted(made.photos) if key.startswith(prefix)]
    assert keys(made.reader, prefix) == wanted
    for after in ("a", "a-b.jpg", "a.tar", "a.tar/a-b.jpg", "a/b.jpg", "zz"):
        assert keys(made.reader, prefix, after) == [key for key in wanted if key > after]


def test_what_is_not_there_is_missing(made: Made) -> None:
    reader = made.reader
    for key in ("nothing.jpg", "a", "deep/x.jpg", "zzz", "a.tar/nothing", "b.tar/x.jpg"):
        for read in (reader.get, reader.stat, lambda key: reader.get_range(key, 0, 1)):
            with pytest.raises(ObjectMissing):
                read(key)


def test_a_photo_over_the_limit_is_refused(made: Made) -> None:
    size = len(OBJECTS["a/b.jpg"])
    for key in (key for key in made.photos if key.endswith("a/b.jpg")):
        assert made.reader.get(key, limit=size).data == OBJECTS["a/b.jpg"]
        with pytest.raises(ObjectTooLarge, match=f"{size} bytes, {size - 1} allowed"):
            made.reader.get(key, limit=size - 1)


def test_a_range_is_cut_at_the_end(made: Made) -> None:
    for key in (key for key in made.photos if key.endswith("a/b.jpg")):
        data = OBJECTS["a/b.jpg"]
        assert made.reader.get_range(key, 2, 5) == data[2:7]
        assert made.reader.get_range(key, len(data) - 2, 9) == data[-2:]
        assert made.reader.get_range(key, len(data), 9) == b""


def test_it_passes_its_check(made: Made) -> None:
    made.reader.check()


def test_many_threads_may_read_one_collection(made: Made) -> None:
    with ThreadPoolExecutor(16) as pool:
        for key, data in pool.map(
            lambda key: (key, made.reader.get(key).data), 8 * keys(made.reader)
        ):
            assert data == made.photos[key]
