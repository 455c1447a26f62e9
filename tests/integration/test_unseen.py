"""A folder that a worker does not see: the job says so, and is not done with all photos missing."""

from pathlib import Path

import pytest

from tests.clusters import Cluster, fake_worker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_a_folder_that_no_worker_sees_fails_in_words_and_is_resumed_where_it_is_seen(
    samples: Path, tmp_path: Path, broker_url: str, there: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    if there == "an empty folder":
        (tmp_path / "far").mkdir()
    far = {"FAR_FOLDER": str(cluster.photos), "FAR_AS": str(tmp_path / "far")}
    far |= {"FAKE_ENGINE_SECONDS": "0"}
    module = "tests.integration.far_worker"
    with fake_worker(broker_url, tmp_path / "far.log", module=module, **far) as worker:
        ended = cluster.run("supervise", "--once")
        assert ended.returncode == 1, ended.stderr
        assert str(worker.pid) in ended.stderr
        assert str(cluster.photos) in ended.stderr
        assert "every worker needs" in ended.stderr.lower()
    assert cluster.state() == "failed"
    assert not cluster.out.exists()
    if there == "an empty folder":
        with fake_worker(broker_url, tmp_path / "near.log", FAKE_ENGINE_SECONDS="0"):
            assert cluster.run("resume", cluster.job).returncode == 0
        cluster.one_outcome_each()
