"""Lists of photos that headcount itself wrote for people, and lists like them."""

import json
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.collections import open_collection
from headcount.collections.entries import Entry
from headcount.collections.index import open_index
from headcount.collections.indexed import said_taken
from headcount.collections.manifests import Manifest
from headcount.contract import results
from headcount.contract.stored.jobs import SheetForm
from headcount.errors import FatalError
from headcount.export import write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.storage.memory import MemoryStore

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


FRAME = {
    "key": pa.array([1.0, 2.0, None]),
    "uri": pa.array([b"0.jpg", b"1.jpg", b"2.jpg"]),
    "bytes": pa.array([16571.0, float("nan"), None]),
    "etag": pa.array(["e", None, ""]),
    "taken": pa.array([datetime(2024, 5, 1, 10), None, None], pa.timestamp("ns")),
}


def entries(store: Store, name: str) -> list[tuple[str, str, int, str]]:
    manifest = Manifest(f"{store.uri}{name}")
    found = manifest.scan(store, store.stat(name))
    return [(e.key, e.etag, e.size, e.taken) for e in found]


EXPECTED = [("1", "e", 16571, "2024-05-01T10:00:00"), ("2", "", 0, ""), ("2.jpg", "", 0, "")]


def test_a_frame_with_gaps_as_parquet(store: Store) -> None:
    file = BytesIO()
    pq.write_table(pa.table(FRAME), file)
    store.put("l.parquet", file.getvalue())
    assert entries(store, "l.parquet") == EXPECTED


@pytest.mark.parametrize("gap", ["", "NA", "NaN"])
def test_a_frame_with_gaps_as_csv(store: Store, gap: str) -> None:
    rows = (
        "key,uri,bytes,etag,taken",
        "1.0,0.jpg,16571.0,e,2024-05-01T10:00:00",
        f"2.0,1.jpg,{gap},,{gap}",
        f"{gap},2.jpg,{gap},{gap},",
    )
    store.put("l.csv", "\n".join(rows).encode())
    assert entries(store, "l.csv") == EXPECTED


def test_a_frame_with_gaps_as_json_lines(store: Store) -> None:
    store.put(
        "l.jsonl",
        b'{"key": 1.0, "uri": "0.jpg", "bytes": 16571.0, "etag": "e", '
        b'"taken": "2024-05-01T10:00:00"}\n'
        b'{"key": 2.0, "uri": "1.jpg", "bytes": NaN}\n'
        b'{"key": null, "uri": "2.jpg", "bytes": null, "etag": ""}\n',
    )
    assert entries(store, "l.jsonl") == EXPECTED


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"uri": "a.jpg", "bytes": 1.5}', "the column bytes: '1.5' is no whole number"),
        ('{"uri": "a.jpg", "key": [1]}', "the column key"),
        ('{"uri": 3.0}', "the column uri"),
        ('{"uri": null}', "the column uri is empty"),
    ],
)
def test_anything_else_is_refused_by_its_row_and_column(store: Store, row: str, said: str) -> None:
    store.put("l.jsonl", f'{{"uri": "ok.jpg"}}\n{row}\n'.encode())
    with pytest.raises(FatalError, match=f"l.jsonl, row 2: {said}"):
        entries(store, "l.jsonl")


def test_when_a_listed_photo_was_taken_is_in_its_info_also_after_it_is_looked_up(
    store: Store,
) -> None:
    store.put("a.jpg", b"a")
    store.put("l.csv", b"uri,key,taken\na.jpg,a,2024-05-01\nb.jpg,b,2024-05-02\na.jpg,c,\n")
    listed = open_collection(store.uri + "l.csv", S3Settings(), indexes=MemoryStore())
    assert {i.key: i.taken for i in listed.list()} == {
        "a": "2024-05-01",
        "b": "2024-05-02",
        "c": "",
    }
    assert listed.stat("a").taken == "2024-05-01"
    assert [said_taken(listed, key) for key in "abcd"] == ["2024-05-01", "2024-05-02", "", ""]


def test_an_index_that_an_earlier_build_made_of_a_list_is_made_anew(store: Store) -> None:
    store.put("l.csv", b"uri,key\na.jpg,1.0\n")
    info, archive = store.stat("l.csv"), MemoryStore()
    open_index(archive, store.uri + "l.csv/", info, lambda: [Entry("1.0", "e", 1, ("s", "n"))])
    listed = open_collection(store.uri + "l.csv", S3Settings(), indexes=archive)
    assert [i.key for i in listed.list()] == ["1"]


def test_rows_of_an_index_without_a_time_are_those_of_an_earlier_build() -> None:
    old = ["a", "e", 1, ["s", "n"], None]
    assert Entry.from_row(old) == Entry("a", "e", 1, ("s", "n"))
    assert Entry("a", "e", 1, ("s", "n")).to_row() == ["a", "e", 1, ("s", "n"), None]
    new = Entry("a", "e", 1, ("s", "n"), taken="2024-05-01")
    assert Entry.from_row(json.loads(json.dumps(new.to_row()))) == new
