"""Errors of Lance: what passes is told from what lasts, whatever the folders are called."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.errors import FatalError, HeadcountError, TransientError
from headcount.s3_settings import S3Settings
from headcount.storage.uris import canonical_uri
from headcount.tables.faults import translate
from headcount.tables.table import Table

NAMES = ["20250317", "connections", "retry", "http error, 503 times", "slowdown é"]


def refusal(archive: Path) -> HeadcountError:
    """The error of a table whose file of rows was cut to two bytes."""
    table = Table(canonical_uri(str(archive)), "faces.lance", S3Settings())
    table.create(pa.schema({"a": pa.int64()}))
    table.append(pa.table({"a": [1, 2, 3]}))
    for file in (archive / "faces.lance" / "data").iterdir():
        file.unlink()
    with pytest.raises(HeadcountError) as caught:
        table.read(["a"])
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_a_lasting_error_lasts_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path / name)
    assert "not found" in str(error).lower()
    assert isinstance(error, FatalError)


@pytest.mark.parametrize(
    "text",
    [
        "LanceError(IO): HTTP status server error (503 Service Unavailable) for url "
        "(http://127.0.0.1:8333/archive/20250317/faces), /lance/src/io.rs:24:20",
        "Generic S3 error: Error after 3 retries ... <Error><Code>SlowDown</Code></Error>",
        "Generic S3 error: connection reset by peer",
        "Generic S3 error: HTTP error: error sending request",
        "operation timed out",
    ],
)
def test_an_error_that_passes_is_tried_again(text: str) -> None:
    error = translate(OSError(text), "s3://archive/20250317/faces")
    assert isinstance(error, TransientError)


@pytest.mark.parametrize(
    "text",
    [
        "Not found: connections/retry/faces/_versions, /lance/src/commit.rs:503:26",
        "<Error><Code>NoSuchBucket</Code><BucketName>connections</BucketName>"
        "<Resource>/connections/retry</Resource></Error>",
        "Invalid range 0..342 for object of size 503 bytes",
    ],
)
def test_names_sizes_and_lines_of_source_are_no_signs(text: str) -> None:
    error = translate(OSError(text), "s3://connections/retry/faces")
    assert isinstance(error, FatalError)
