"""A real store is asked to encrypt whatever is written: objects, parts of large ones, tables."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pytest

from headcount.s3_settings import S3Settings
from headcount.storage.s3.store import PART_BYTES, S3Store
from headcount.tables.table import Table
from tests.faulty_proxy import FaultyProxy, Request
from tests.servers import S3Server

pytestmark = pytest.mark.integration

HEADER = "x-amz-server-side-encryption"
VECTORS = pa.schema([("row", pa.int64()), ("vector", pa.list_(pa.float32(), 128))])


def makes_an_object(request: Request) -> bool:
    """Whether this request says how an object is encrypted; a part goes by its upload's begin."""
    query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    if request.method == "PUT":
        return "partNumber" not in query
    return request.method == "POST" and "uploads" in query


def write_objects(settings: S3Settings, bucket: str, folder: Path) -> None:
    store = S3Store(bucket, "", settings)
    large = bytes(PART_BYTES + 1)
    (folder / "large").write_bytes(large)
    store.put("small", b"data")
    assert store.put_new("new", b"data")
    store.put("large", large)
    store.put_file("file", folder / "large")


def write_tables(settings: S3Settings, bucket: str, rows: int) -> None:
    table = Table(f"s3://{bucket}/", "faces.lance", settings)
    table.create(VECTORS)
    values = np.random.default_rng(1).random(rows * 128, dtype=np.float32)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values), 128)
    written = pa.table([pa.array(range(rows)), vectors], schema=VECTORS)
    table.append(written)
    table.append(written.slice(0, 100))
    table.update({"row": "-1"}, "row = 1")
    table.delete("row = 2")
    table.index("vector")
    table.compact()
    table.purge()


def test_every_object_and_every_file_of_a_table_is_sent_with_the_header(
    s3: S3Server, tmp_path: Path
) -> None:
    bucket = s3.make_bucket()
    with FaultyProxy(s3.endpoint, lambda *_: "fine").running() as proxy:
        settings = s3.settings(endpoint_url=proxy.endpoint, sse="AES256")
        write_objects(settings, bucket, tmp_path)
        write_tables(settings, bucket, 12_000)
    writes = [request for request in proxy.asked if makes_an_object(request)]
    assert [w.path for w in writes if w.headers.get(HEADER) != "AES256"] == []
    assert all(HEADER in write.headers["authorization"] for write in writes)
    begun = [urlsplit(w.path).path for w in writes if w.method == "POST"]
    assert {f"/{bucket}/large", f"/{bucket}/file"} <= set(begun)
    assert any("faces.lance/data/" in path for path in begun), "no table's file went in parts"
    kept = {"_versions", "_deletions", "_indices"}
    assert kept <= {part for w in writes for part in w.path.split("/")}
