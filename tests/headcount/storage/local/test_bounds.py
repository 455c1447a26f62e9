"""Links below a folder that lead out of the places that may be used."""

from pathlib import Path

import pytest

from headcount.collections import open_collection
from headcount.collections.rows import Rows
from headcount.errors import FatalError, ObjectDenied
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.storage.base import Store
from headcount.storage.memory import MemoryStore
from headcount.tables.table import Table


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out" / "secret.jpg").write_bytes(b"secret")
    return tmp_path / "in"


@pytest.fixture
def settings(inside: Path) -> S3Settings:
    return S3Settings(allowed_uris=(str(inside),))


@pytest.fixture
def store(inside: Path, settings: S3Settings) -> Store:
    return open_store(str(inside), settings)


def test_a_file_that_is_a_link_out_is_denied(store: Store, inside: Path) -> None:
    (inside / "a.jpg").symlink_to(inside.parent / "out" / "secret.jpg")
    for read in (store.get, store.stat, lambda key: store.get_range(key, 0, 1)):
        with pytest.raises(ObjectDenied, match="outside HEADCOUNT_ALLOWED_URIS"):
            read("a.jpg")


def test_a_folder_that_is_a_link_out_is_not_listed_read_or_written(
    store: Store, inside: Path
) -> None:
    (inside / "folder").symlink_to(inside.parent / "out")
    with pytest.raises(FatalError, match="outside HEADCOUNT_ALLOWED_URIS"):
        list(store.list())
    with pytest.raises(ObjectDenied):
        store.get("folder/secret.jpg")
    for write in (store.put, store.put_new):
        with pytest.raises(FatalError, match="outside HEADCOUNT_ALLOWED_URIS"):
            write("folder/new/x", b"x")
    with pytest.raises(FatalError, match="outside HEADCOUNT_ALLOWED_URIS"):
        store.delete("folder/secret.jpg")
    with pytest.raises(FatalError, match="outside HEADCOUNT_ALLOWED_URIS"):
        store.clear_leftovers("folder/")
    assert [path.name for path in (inside.parent / "out").iterdir()] == ["secret.jpg"]


def test_links_that_stay_inside_are_followed(store: Store, inside: Path) -> None:
    (inside / "real").mkdir()
    (inside / "real" / "a.jpg").write_bytes(b"photo")
    (inside / "z").symlink_to("real")
    assert store.get("z/a.jpg").data == b"photo"
    store.put("z/b.jpg", b"new")
    assert [info.key for info in store.list("z/")] == ["z/a.jpg", "z/b.jpg"]


def test_a_row_of_a_list_that_lies_outside_is_denied_and_the_others_are_read(
    inside: Path, settings: S3Settings
) -> None:
    (inside / "b.jpg").write_bytes(b"photo")
    secret = inside.parent / "out" / "secret.jpg"
    rows = ("key,uri", f"a.jpg,{secret}", f"b.jpg,{inside}/b.jpg", "c.jpg,s3://other/c.jpg")
    (inside / "photos.csv").write_text("\n".join(rows))
    collection = open_collection(f"{inside.as_uri()}/photos.csv", settings, indexes=MemoryStore())
    assert [(p.key, p.etag == "denied") for p in collection.list()] == [
        ("a.jpg", True),
        ("b.jpg", False),
        ("c.jpg", True),
    ]
    assert collection.get("b.jpg").data == b"photo"
    for key in ("a.jpg", "c.jpg"):
        with pytest.raises(ObjectDenied, match="outside"):
            collection.get(key)


def test_photos_outside_are_refused(inside: Path, settings: S3Settings) -> None:
    outside = f"{(inside.parent / 'out').as_uri()}/"
    with pytest.raises(FatalError, match="outside the places"):
        open_collection(outside, settings, indexes=MemoryStore())


def test_a_table_behind_a_link_out_is_refused(inside: Path, settings: S3Settings) -> None:
    (inside / "faces.lance").symlink_to(inside.parent / "out")
    with pytest.raises(FatalError, match="outside the places"):
        Table(f"{inside.as_uri()}/", "faces.lance", settings)


def test_rows_of_a_list_are_read_by_the_settings_of_their_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADCOUNT_S3_NAS_URI", "s3://photos/nas")
    rows = Rows(S3Settings(allowed_uris=("s3://photos/",)), 1)
    assert rows.place("s3://photos/", "nas/a.jpg") == ("s3://photos/nas/", "a.jpg")
    assert rows.place("s3://photos/", "nas.jpg") == ("s3://photos/", "nas.jpg")
    for outside in (("s3://other/", "a.jpg"), ("s3://photos/", "../other/a.jpg")):
        with pytest.raises(ObjectDenied):
            rows.place(*outside)
