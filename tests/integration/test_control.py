"""Pausing, cancelling, resuming and draining, with real processes and an engine of known cost."""

import signal
from pathlib import Path
from typing import Literal

import pytest

from headcount.jobs.control import stop
from orchestrator.commands.status import read_status
from tests.clusters import PHOTOS, Cluster, fake_worker, until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_a_job_stands_still_within_seconds_and_resuming_embeds_only_the_rest(
    samples: Path, tmp_path: Path, broker_url: str, how: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    with fake_worker(broker_url, tmp_path / "worker.log"):
        supervisor = cluster.start("supervise", "--once")
        until(lambda: len(cluster.done()) >= 2)
        state: Literal["paused", "cancelled"] = "paused" if how == "pause" else "cancelled"
        stop(cluster.store, cluster.job, state)  # what the command does, without its start
        _, errors = supervisor.communicate(timeout=10)
        assert supervisor.returncode == 0, errors
        assert f"headcount resume {cluster.job}" in errors
        until(lambda: len(cluster.done()) == cluster.attempts(), 10)  # nothing is half done
        kept = {path: path.read_bytes() for path in cluster.done()}
        assert 2 <= len(kept) < PHOTOS / 10
        assert cluster.state() == state
        assert cluster.run("supervise", "--once").returncode == 0  # a later one heeds it, too
        assert len(cluster.done()) == len(kept)

        resumed = cluster.run("resume", cluster.job)
        assert resumed.returncode == 0, resumed.stderr
    assert {path: path.read_bytes() for path in kept} == kept
    assert cluster.attempts() == PHOTOS / 10
    assert cluster.state() == "done"
    cluster.one_outcome_each()
    assert cluster.run(how, cluster.job).returncode == 1  # it has ended


def test_status_says_which_worker_has_which_shard_in_hand(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    slow = {"FAKE_ENGINE_SECONDS": "2"}
    with (
        fake_worker(broker_url, tmp_path / "a.log", **slow) as one,
        fake_worker(broker_url, tmp_path / "b.log", **slow) as other,
    ):
        supervisor = cluster.start("supervise", "--once")
        try:
            until(lambda: len(held(cluster)) == 2)
            told = cluster.run("status", cluster.job).stdout
            assert {worker.rpartition("-")[2] for worker in held(cluster).values()} == {
                str(one.pid),
                str(other.pid),
            }
            assert set(held(cluster)) == {"embed-0000000", "embed-0000001"}
            for unit, worker in held(cluster).items():
                assert f"{worker} has {unit}: " in told
        finally:
            supervisor.kill()
            supervisor.communicate()


def held(cluster: Cluster) -> dict[str, str]:
    """The worker of each unit in hand, as ``status --json`` has it."""
    progress = read_status(cluster.store, cluster.job)["progress"] or {"in_hand": []}
    return {unit["unit"]: unit["worker"] for unit in progress["in_hand"] if "embed" in unit["unit"]}


def test_a_worker_told_to_stop_hands_its_shard_back_and_another_takes_it_at_once(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url, HEADCOUNT_LOST_SECONDS="300")
    supervisor = cluster.start("supervise", "--once")
    with fake_worker(broker_url, tmp_path / "a.log", HEADCOUNT_DRAIN_SECONDS="0") as first:
        until(lambda: len(cluster.done()) >= 1 and cluster.attempts() > len(cluster.done()))
        first.send_signal(signal.SIGTERM)
        first.wait(30)
        assert first.returncode == 0
    with fake_worker(broker_url, tmp_path / "b.log"):
        _, errors = supervisor.communicate(timeout=100)
    assert supervisor.returncode == 0, errors
    assert "handed back" in (tmp_path / "a.log").read_text()
    assert cluster.attempts() == PHOTOS / 10  # what was handed back is no attempt
    cluster.one_outcome_each()


def test_a_supervisor_told_to_stop_ends_well_and_the_next_does_only_the_rest(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    with fake_worker(broker_url, tmp_path / "worker.log"):
        service = cluster.start("supervise")
        until(lambda: len(cluster.done()) >= 1)
        service.send_signal(signal.SIGTERM)
        _, errors = service.communicate(timeout=60)
        assert service.returncode == 0, errors
        assert "Traceback" not in errors
        assert cluster.run("supervise", "--once").returncode == 0
    cluster.one_outcome_each()
