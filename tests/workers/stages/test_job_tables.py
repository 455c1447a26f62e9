from pathlib import Path

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import made_up_archive
from tests.workers.stages.no_models import NoModels
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables


def test_the_tables_are_of_the_jobs_pack_and_its_rows_of_the_jobs_photos(tmp_path: Path) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 9, fragments=1)
    context = NoModels(Settings(), S3Settings(), "test")
    unit = Unit(context, open_store(spec.archive), spec.job_id, "reduce")
    tables = job_tables(unit)
    assert tables.source == spec.photos
    assert tables.faces.count(tables.of_collection) == 9
    assert f"/packs/{unit.record.pack_id}/" in tables.faces.uri
