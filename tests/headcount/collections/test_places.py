"""Which URI names which kind of collection, and what one photo of it costs."""

from pathlib import Path

import pytest

from headcount.collections import canonical_collection
from headcount.collections.indexed import Container, Format
from headcount.collections.places import Kind, container_of, is_container, kind_of
from headcount.collections.tars import Tar
from headcount.collections.zips import Zip
from headcount.storage.memory import MemoryStore
from tests.headcount.collections.containers import tar_of, zip_of


@pytest.mark.parametrize(
    ("written", "canonical", "kind"),
    [
        ("s3://bucket", "s3://bucket/", Kind.FOLDER),
        ("s3://bucket/photos", "s3://bucket/photos/", Kind.FOLDER),
        ("s3://bucket/a b/ü%20.tar", "s3://bucket/a b/ü%20.tar", Kind.TAR),
        ("s3://bucket/shard.TAR", "s3://bucket/shard.TAR", Kind.TAR),
        ("s3://bucket/shard.tar/", "s3://bucket/shard.tar/", Kind.FOLDER),
        ("S3://bucket/x.zip", "s3://bucket/x.zip", Kind.ZIP),
        ("/lists/a b.csv", "file:///lists/a%20b.csv", Kind.MANIFEST),
        ("file:///lists/a%20b.jsonl", "file:///lists/a%20b.jsonl", Kind.MANIFEST),
        ("/lists/x.parquet", "file:///lists/x.parquet", Kind.MANIFEST),
        ("/photos/2024.01", "file:///photos/2024.01/", Kind.FOLDER),
    ],
)
def test_a_collection_has_one_spelling_and_a_kind(written: str, canonical: str, kind: Kind) -> None:
    assert canonical_collection(written) == canonical
    assert canonical_collection(canonical) == canonical
    assert kind_of(canonical) is kind


def test_a_directory_is_a_folder_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "photos.tar").mkdir()
    assert canonical_collection(str(tmp_path / "photos.tar")).endswith("/photos.tar/")


def test_a_key_tells_its_container() -> None:
    assert container_of("a/b.tar/c/d.jpg") == "a/b.tar"
    assert container_of("a.zip/b.tar/c.jpg") == "a.zip"
    assert container_of("a/b.tar") is None
    assert container_of("a.tar.d/b.jpg") is None
    assert not is_container(".hidden.tar")
    assert not is_container("list.csv")


class Counting(MemoryStore):
    """A store that counts what is read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges: list[int] = []

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        self.ranges.append(length)
        return super().get_range(key, offset, length, etag=etag)


@pytest.mark.parametrize(("form", "make"), [(Tar(), tar_of), (Zip(), zip_of)])
def test_a_photo_of_an_indexed_container_costs_one_range(form: Format, make: object) -> None:
    photos = {f"{n:05}.jpg": bytes([n % 251]) * 3000 for n in range(3000)}
    store, indexes = Counting(), MemoryStore()
    store.put("c", make(photos))
    assert len(list(Container(store, "c", form, indexes).list())) == 3000
    assert len(store.ranges) < 30  # a megabyte at a time
    store.ranges.clear()
    worker = Container(store, "c", form, indexes)
    assert worker.get("02000.jpg").data == photos["02000.jpg"]
    assert len(store.ranges) == 1
    assert store.ranges[0] < 3500


def test_of_a_tar_file_of_large_photos_little_more_than_the_headers_is_read() -> None:
    data = tar_of({f"{n}.jpg": bytes(3 << 20) for n in range(10)})
    store = Counting()
    store.put("c", data)
    assert len(list(Container(store, "c", Tar(), MemoryStore()).list())) == 10
    assert sum(store.ranges) < len(data) / 20
