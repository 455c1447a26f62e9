import json
from pathlib import Path

import pytest

from headcount.contract.stored.jobs import DoneMarker
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import made_up_archive
from tests.running import table
from tests.workers.stages.no_models import NoModels
from workers.runtime.unit import Unit
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
