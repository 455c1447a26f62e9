"""An archive of an earlier build under one that has a further column of faces."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from headcount.contract import columns
from headcount.contract.columns import Column
from headcount.contract.stored.jobs import ManifestPhoto, ShardManifest
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import made_up_archive
from workers.runtime.unit import Context, Unit
from workers.stages import embed
from workers.stages.embed import embed_shard
from workers.stages.job_tables import job_tables
from workers.tables import faces
from workers.tables.faces import load_faces

BLUR = Column("blur", pa.float32(), "how blurred", null=True, stored=True, shown=True, since=2)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    """A shard of one photo, of an archive with six faces."""
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 6, fragments=2)
    store = open_store(str(tmp_path / "archive"))
    unit = Unit(Context(Settings(), S3Settings(), "test"), store, spec.job_id, "embed-0000000")
    photo = ManifestPhoto(key="000000.jpg", etag="e", size=14)
    manifest = ShardManifest(unit=unit.name, photos=(photo,))
    store.put(unit.keys.shard(unit.name), manifest.to_bytes())
    return unit


def with_column(monkeypatch: pytest.MonkeyPatch, column: Column) -> None:
    """From now on this build's faces have one more column, or another one of that name."""
    kept = tuple(c for c in columns.FACES.columns if c.name != column.name)
    monkeypatch.setattr(columns, "FACES", replace(columns.FACES, columns=(*kept, column)))
    monkeypatch.setattr(faces, "FACES", columns.FACES)


def test_the_reduce_stage_reads_null_where_the_archive_has_no_such_column_yet(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_column(monkeypatch, BLUR)
    monkeypatch.setattr(faces, "FACE_COLUMNS", (*faces.FACE_COLUMNS, "blur"))
    rows, _ = load_faces(
        job_tables(unit), None, dimensions=unit.record.dimensions, progress=unit.count_photo
    )
    assert rows["blur"].null_count == len(rows) == 6


def test_an_archive_has_the_column_before_a_shard_is_begun_and_keeps_its_faces(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_column(monkeypatch, BLUR)
    tables = job_tables(unit)
    tables.grow(unit.record.dimensions)
    table = tables.faces
    assert table.read(["face_id", "blur"])["blur"].null_count == 6


def test_a_table_with_other_columns_is_refused_in_words_before_anything_is_embedded(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        pytest.fail("a photo was looked at")

    monkeypatch.setattr(embed, "analyse", fail)
    with_column(monkeypatch, replace(BLUR, name="quality", type=pa.float64()))
    with pytest.raises(FatalError, match="quality is float and not double"):
        embed_shard(unit)
