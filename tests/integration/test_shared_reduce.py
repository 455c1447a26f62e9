"""A reduce stage that is shared out says what one task says, whoever is killed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from headcount.broker.client import Broker
from headcount.contract.layout import JobKeys
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from orchestrator.local import servers as embedded
from orchestrator.local.servers import worker_pool
from tests.integration.dying_sharer import DEATHS, POINTS
from tests.made_up import made_up_archive
from tests.running import headcount, said, table

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FACES, FRAGMENTS, OF_A_TASK = 24_000, 8, 7_000


def test_a_large_collection_is_reduced_by_many_tasks_that_may_die_and_the_results_stay_the_same(
    tmp_path: Path, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RAPID_DEATHS", len(POINTS) + 1)
    photos, whole, shared = (tmp_path / name for name in ("photos", "whole", "shared"))
    made_up_archive(photos, whole / "archive", FACES, fragments=FRAGMENTS)
    plain = ("run", str(photos), "--annotate", "0", "--out")
    assert headcount(*plain, str(whole)).returncode == 0
    cluster = max(table(whole, "clusters"), key=lambda row: row["faces"])["cluster_id"]
    archive = ("--archive", str(whole / "archive"))
    assert headcount("name", cluster, "Ada", *archive).returncode == 0
    shutil.copytree(whole, shared)
    assert headcount(*plain, str(whole)).returncode == 0

    settings = Settings(poll_seconds=0.1, lost_seconds=3.0, reduce_faces=OF_A_TASK)
    spec = make_spec(
        photos=str(photos),
        people=None,
        archive=str(shared / "archive"),
        out=str(shared),
        settings=settings,
        annotate=0,
    )
    store, graves = submit(spec, S3Settings()), tmp_path / "graves"
    graves.mkdir()
    environment = {DEATHS: str(graves), "HEADCOUNT_REDUCE_FACES": str(OF_A_TASK)}

    class Killed(BaseException):
        pass

    def drive(tick: Callable[[], None]) -> None:
        broker = Broker(broker_url)
        Supervisor(
            store, spec.job_id, broker=broker, settings=settings, s3=S3Settings(), tick=tick
        ).run()

    def killed_once_there_is(key: str) -> Callable[[], None]:
        def tick() -> None:
            pool.check()
            if any(store.list(key)):
                raise Killed

        return tick

    keys = JobKeys(spec.job_id)
    with worker_pool(2, broker_url, environment, module="tests.integration.dying_sharer") as pool:
        for key in (keys.done("split"), keys.done_folder + "match", keys.done_folder + "join"):
            with pytest.raises(Killed):
                drive(killed_once_there_is(key))
        drive(pool.check)
        assert pool.deaths == len(POINTS)
    done = {Path(info.key).stem for info in store.list(keys.done_folder)}
    tasks = {f"{kind}-{number:07}" for kind in ("match", "join") for number in range(4)}
    assert done == {"prepare", "split", "reduce"} | tasks
    assert not list(store.list(keys.handed_on))
    assert {grave.name for grave in graves.iterdir()} == set(POINTS)
    assert said(shared) == said(whole)
    assert any(row["person"] == "Ada" for row in table(shared, "faces"))
