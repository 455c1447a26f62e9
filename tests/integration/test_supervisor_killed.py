"""A supervisor killed again and again, at everything it does, and the job that comes out whole."""

import multiprocessing
import re
import signal
from pathlib import Path
from urllib.parse import unquote

import pytest

from headcount.contract.layout import JobKeys
from tests.clusters import PHOTOS, Cluster, fake_worker
from tests.integration.mortal_supervisor import drive

pytestmark = pytest.mark.integration

EVERY_STEP = {
    r"put_new leases/\w+/.json",
    r"send prepare",
    r"put jobs//shards/embed-000000[0-5].json",
    r"put jobs//plan.json",
    r"send embed-000000[0-5]",
    r"put jobs//progress.json",
    r"put commits/\w+.json",
    r"(commit|compact) faces.lance",
    r"(commit|compact) photos.lance",
    r"put_new jobs//commit.json",
    r"put commits/\w+.json made",
    r"send reduce",
    r"put jobs//finished.json",
}


def test_a_supervisor_killed_before_everything_that_it_does_changes_no_result(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path
) -> None:
    cluster, graves = Cluster(samples, tmp_path, broker_url), tmp_path / "graves"
    cluster.store.delete(JobKeys(cluster.job).plan)  # it is made again, by those who die
    graves.mkdir()
    context = multiprocessing.get_context("forkserver")  # a process each, without its imports
    context.set_forkserver_preload(["pytest", drive.__module__])
    ends: list[int | None] = []
    with fake_worker(broker_url, tmp_path / "worker.log", FAKE_ENGINE_SECONDS="0.01"):
        while 0 not in ends:
            arguments = (str(cluster.archive), cluster.job, broker_url, graves)
            supervisor = context.Process(target=drive, args=arguments, daemon=True)
            supervisor.start()
            supervisor.join(100)
            ends.append(supervisor.exitcode)
            assert ends[-1] in (0, -signal.SIGKILL)
    died = [unquote(grave.name) for grave in graves.iterdir()]
    assert not [step for step in EVERY_STEP if not any(re.fullmatch(step, d) for d in died)]
    assert len(ends) > 20
    assert cluster.attempts() == PHOTOS / 10  # what one supervisor sent, the next did not
    cluster.same_results(calm)
