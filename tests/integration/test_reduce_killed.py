"""Reduce tasks and supervisors that are killed, and that the results are those of a calm run."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from headcount.broker.client import Broker
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.tables.table import Table
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.local.servers import worker_pool
from tests.integration.dying_worker import DEATHS, POINTS
from tests.running import headcount, said, table

pytestmark = pytest.mark.integration


def test_a_reduce_killed_at_three_points_and_a_supervisor_killed_in_its_commit_change_no_result(
    samples: Path, tmp_path: Path, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, calm, disturbed = (tmp_path / name for name in ("photos", "calm", "disturbed"))
    shutil.copytree(samples / "photos", photos)
    late = (photos / "portrait.png").rename(tmp_path / "portrait.png")
    plain = ("run", str(photos), "--annotate", "0", "--out")
    assert headcount(*plain, str(calm)).returncode == 0
    cluster = max(table(calm, "clusters"), key=lambda row: row["photos"])["cluster_id"]
    archive = ("--archive", str(calm / "archive"))
    assert headcount("name", cluster, "Barack Obama", *archive).returncode == 0
    shutil.copytree(calm, disturbed)
    late.rename(photos / "portrait.png")
    assert headcount(*plain, str(calm)).returncode == 0

    settings = Settings(poll_seconds=0.1, lost_seconds=3.0)
    spec = make_spec(
        photos=str(photos),
        people=None,
        archive=str(disturbed / "archive"),
        out=str(disturbed),
        settings=settings,
        annotate=0,
    )
    store, graves = submit(spec, S3Settings()), tmp_path / "graves"
    graves.mkdir()

    class Killed(BaseException):
        pass

    def killed(self: Table) -> None:
        raise Killed

    def drive(tick: Any) -> None:
        Supervisor(
            store,
            spec.job_id,
            broker=Broker(broker_url),
            settings=settings,
            s3=S3Settings(),
            tick=tick,
        ).run()

    environment = {DEATHS: str(graves)}
    with worker_pool(1, broker_url, environment, module="tests.integration.dying_worker") as pool:
        with monkeypatch.context() as patched:
            patched.setattr(Table, "compact", killed)  # faces are committed, photos are not
            with pytest.raises(Killed):
                drive(pool.check)
        drive(pool.check)
        assert pool.deaths == len(POINTS)
    assert {grave.name for grave in graves.iterdir()} == set(POINTS)
    assert said(disturbed) == said(calm)
    assert any(row["person"] for row in table(calm, "faces"))
