"""From what users write to a store and back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.storage import canonical_uri, open_store
from headcount.storage.local.store import DirectoryStore
from headcount.storage.uris import local_path, split_object_uri


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("s3://bucket", "s3://bucket/"),
        ("s3://bucket/", "s3://bucket/"),
        ("S3://bucket/a b/ü%20#?", "s3://bucket/a b/ü%20#?/"),
        ("s3://bucket//odd/", "s3://bucket//odd/"),
        ("/photos", "file:///photos/"),
        ("/photos/", "file:///photos/"),
        ("/", "file:///"),
        ("/My Photos/ü#1?", "file:///My%20Photos/%C3%BC%231%3F/"),
        ("/100%/%20", "file:///100%25/%2520/"),
        ("file:///photos", "file:///photos/"),
        ("FILE://localhost/photos/", "file:///photos/"),
        ("file:///My Photos/ü", "file:///My%20Photos/%C3%BC/"),
        ("file:///My%20Photos/%C3%BC/", "file:///My%20Photos/%C3%BC/"),
        ("file:///a/../b/./c", "file:///b/c/"),
    ],
)
def test_every_place_has_one_spelling(written: str, canonical: str) -> None:
    assert canonical_uri(written) == canonical
    assert canonical_uri(canonical) == canonical


def test_relative_paths_and_home_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert canonical_uri("photos") == (tmp_path / "photos").as_uri() + "/"
    assert canonical_uri(".") == tmp_path.as_uri() + "/"
    assert canonical_uri("~/photos") == (tmp_path / "me" / "photos").as_uri() + "/"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("gs://bucket/x", "gs:// is not known; expected a path, file:///dir/ or s3://"),
        ("https://example.org/x", "https:// is not known"),
        ("memory://x/", "memory:// is not known"),
        ("s3://", "has no bucket"),
        ("s3:///prefix", "has no bucket"),
        ("file://server/share", "with 3 slashes"),
        ("", "is no place"),
        ("a\0b", "is no place"),
        ("file:///a%00b", "is no place"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_what_can(uri: str, words: str) -> None:
    with pytest.raises(FatalError) as refused:
        open_store(uri)
    assert words in str(refused.value)


def test_a_folder_with_any_name_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "My Photos 100% ü#1?"
    store = open_store(str(folder))
    store.put("a b.jpg", b"x")
    assert (folder / "a b.jpg").read_bytes() == b"x"
    assert open_store(store.uri).get("a b.jpg").data == b"x"
    assert local_path(store.uri) == folder


def test_a_folder_whose_name_is_not_utf8_is_opened(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    store = open_store(folder)
    store.put("x", b"x")
    assert store.uri.endswith("/caf%E9/")
    assert open_store(store.uri).get("x").data == b"x"


@pytest.mark.parametrize(
    ("uri", "store", "key"),
    [
        ("s3://bucket/expected.csv", "s3://bucket/", "expected.csv"),
        ("s3://bucket/a b/c%20d.csv", "s3://bucket/a b/", "c%20d.csv"),
        ("/lists/my expected.csv", "file:///lists/", "my expected.csv"),
        ("file:///my%20lists/ex%20pected.csv", "file:///my%20lists/", "ex pected.csv"),
        ("/expected.csv", "file:///", "expected.csv"),
    ],
)
def test_the_uri_of_an_object_splits_into_store_and_key(uri: str, store: str, key: str) -> None:
    assert split_object_uri(uri) == (store, key)


@pytest.mark.parametrize("uri", ["s3://bucket/", "s3://bucket", "/lists/", "..", "", "lists/.."])
def test_the_uri_of_a_folder_names_no_object(uri: str) -> None:
    with pytest.raises(FatalError):
        split_object_uri(uri)


def test_opening_a_folder_imports_no_s3_library(tmp_path: Path) -> None:
    code = (
        "import sys; from headcount.storage import open_store; "
        "open_store(sys.argv[1]).put('k', b''); "
        "print(sorted({'minio', 'urllib3', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert isinstance(open_store(str(tmp_path)), DirectoryStore)
