"""Lists of photos that headcount itself wrote for people, and lists like them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headcount.collections.manifests import Manifest
from headcount.contract import results
from headcount.contract.stored.jobs import SheetForm
from headcount.errors import FatalError
from headcount.export import write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store

KEYS = ["=a.jpg", "@b/c.jpg", "-d.jpg", "+e.jpg", "'=f.jpg", "'g.jpg", "h;i,j.jpg", "Zoë.jpg"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(canonical_uri(str(tmp_path / "lists")), S3Settings())


def keys(store: Store, name: str) -> list[str]:
    manifest = Manifest(f"{store.uri}{name}")
    return [entry.key for entry in manifest.scan(store, store.stat(name))]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("bom", [True, False])
def test_a_table_of_photos_as_csv_is_a_list_of_these_photos(
    store: Store, tmp_path: Path, separator: Any, bom: bool
) -> None:
    photos = pa.Table.from_pylist([{"photo": k, "bytes": 3} for k in KEYS], results.PHOTOS)
    form = SheetForm(separator=separator, bom=bom)
    more = {"formats": ["csv"], "folder": tmp_path, "form": form}
    write_table(store, "photos", photos.schema, [photos], **more)
    assert keys(store, "photos.csv") == KEYS


def test_a_mark_before_anything_else_belongs_to_the_name(store: Store) -> None:
    store.put("l.csv", b"key,path\n'=a.jpg,'x.jpg\n''b.jpg,'+y.jpg\n")
    assert keys(store, "l.csv") == ["=a.jpg", "''b.jpg"]
    places = [e.place for e in Manifest(f"{store.uri}l.csv").scan(store, store.stat("l.csv"))]
    assert [str(place[1]).rpartition("/")[2] for place in places] == ["'x.jpg", "+y.jpg"]


def test_in_json_lines_a_name_is_what_it_is(store: Store) -> None:
    store.put("l.jsonl", b'{"path": "\'=a.jpg"}\n')
    assert keys(store, "l.jsonl") == ["'=a.jpg"]


def test_a_list_without_a_column_of_photos_is_refused_whatever_its_separator(
    store: Store,
) -> None:
    for text in ("a;b\n1;2\n", "a\n1\n"):
        store.put("l.csv", text.encode())
        with pytest.raises(FatalError, match="no column of photos"):
            keys(store, "l.csv")
