from datetime import datetime
from pathlib import Path

import pyarrow as pa

from headcount.contract.layout import PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.tables.schemas import PHOTOS
from tests.workers.archives import made_up, random_embeddings
from workers.tables.pack_tables import PackTables

AT = datetime(2019, 7, 4, 15, 30, 12, 500_000)


def test_tables_are_created_once_and_those_of_another_pack_lie_apart(tmp_path: Path) -> None:
    tables = PackTables(open_store(str(tmp_path)), PackKeys("p"), "file:///a/", S3Settings())
    tables.create(4)
    versions = [t.version for t in (tables.photos, tables.faces, tables.gallery)]
    tables.create(4)
    assert [t.version for t in (tables.photos, tables.faces, tables.gallery)] == versions
    other = tables.of_pack(PackKeys("q"))
    assert not other.faces.exists()
    assert (other.source, other.collection) == (tables.source, tables.collection)


def test_rows_of_other_collections_are_filtered_out(tmp_path: Path) -> None:
    archive = made_up(tmp_path, {"a.jpg": random_embeddings(2, 0)})
    tables = PackTables(archive.store, archive.keys, "file:///another/", S3Settings())
    assert tables.faces.count() == 2
    assert tables.faces.count(tables.of_collection) == 0


def test_only_photos_that_tell_it_have_a_time(tmp_path: Path) -> None:
    tables = PackTables(open_store(str(tmp_path)), PackKeys("p"), "file:///a/", S3Settings())
    tables.create(4)
    row = {"collection": tables.collection, "outcome": "faces"}
    rows = [{**row, "photo": name, "taken": at} for name, at in (("a.jpg", AT), ("b.jpg", None))]
    tables.photos.append(pa.Table.from_pylist(rows, PHOTOS))
    assert tables.taken(["a.jpg", "b.jpg", "c.jpg"]) == {"a.jpg": AT}
