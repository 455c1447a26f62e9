import json
from pathlib import Path

import pytest

from headcount.contract import reading
from headcount.contract.stored.jobs import DoneMarker
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from orchestrator.console.summary import summary_lines
from tests.made_up import made_up_archive
from tests.running import table
from tests.workers.stages.no_models import NoModels
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables
from workers.stages.reduce import reduce_job


@pytest.fixture
def marker(tmp_path: Path) -> DoneMarker:
    """The report of a reduced collection of 60 faces, none of which is known."""
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 60, fragments=2)
    context = NoModels(Settings(), S3Settings(), "test")
    return reduce_job(Unit(context, open_store(spec.archive), spec.job_id, "reduce"))


def test_the_steps_are_timed_in_their_order(marker: DoneMarker) -> None:
    assert list(marker.stages) == ["load", "match", "cluster", "roll", "write", "publish"]


def test_report_summary_and_tables_count_alike(marker: DoneMarker, tmp_path: Path) -> None:
    faces, clusters = table(tmp_path, "faces"), table(tmp_path, "clusters")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert marker.faces == summary["faces"] == len(faces) == 60
    assert marker.photos == summary["photos"] == len(table(tmp_path, "photos"))
    assert marker.counts["clusters"] == summary["clusters"] == len(clusters)
    unknown = sum(face["decision"] == "unknown" for face in faces)
    assert marker.counts["faces_unknown"] == summary["decisions"]["unknown"] == unknown


def test_faces_too_poor_to_judge_are_in_no_cluster_and_all_others_in_one(
    marker: DoneMarker, tmp_path: Path
) -> None:
    for face in table(tmp_path, "faces"):
        assert (face["cluster_id"] is None) == (face["decision"] == "ignored")


def test_a_run_in_fewer_formats_than_the_one_before_says_which_tables_it_removed(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 60, fragments=1)
    store, context = open_store(spec.archive), NoModels(Settings(), S3Settings(), "test")
    removed = []
    for formats in (("parquet", "csv", "xlsx"), ("parquet",)):
        asked = spec.model_copy(update={"formats": formats})
        unit = Unit(context, store, spec.job_id, "reduce")
        store.put(unit.keys.spec, asked.to_bytes())
        reduce_job(unit)
        found = json.loads((tmp_path / "summary.json").read_text())
        removed.append(found["formats_removed"])
        kinds = {path.suffix for path in tmp_path.glob("faces.*")}
        assert kinds == {f".{kind}" for kind in formats}
    assert removed == [[], ["csv", "xlsx"]]
    assert summary_lines(found)[-2:] == [
        f"tables of the run before as {kind} were removed: this run was without --format {kind}"
        for kind in ("csv", "xlsx")
    ]


def test_photos_of_an_older_reading_than_this_build_s_are_counted_for_all_who_tell_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 60, fragments=2)
    context = NoModels(Settings(), S3Settings(), "test")
    unit = Unit(context, open_store(spec.archive), spec.job_id, "reduce")
    assert reduce_job(unit).counts["older_reading"] == 0
    job_tables(unit).photos.update({"reading": "2"}, "photo < '000005.jpg'")
    job_tables(unit).photos.update({"reading": "null"}, "photo > '000015.jpg'")
    monkeypatch.setattr(reading, "READING", 2)
    assert reduce_job(unit).counts["older_reading"] == 15
    assert json.loads((tmp_path / "summary.json").read_text())["older_reading"] == 15
    page = (tmp_path / "report" / "index.html").read_text()
    assert "15 photos were read by an older version" in page
