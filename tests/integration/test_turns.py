"""Several supervisors and several jobs at once: one job at a time per archive and collection."""

import signal
from pathlib import Path

import pytest

from headcount.contract.layout import JobKeys
from tests.clusters import PHOTOS, Cluster, copies_of_one, fake_worker, until

pytestmark = pytest.mark.integration


def test_a_supervisor_that_was_frozen_is_followed_by_another_and_does_no_harm(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url, HEADCOUNT_LEASE_SECONDS="2")
    with fake_worker(broker_url, tmp_path / "worker.log"):
        first = cluster.start("supervise", "--once")
        until(lambda: len(cluster.done()) >= 1)
        second = cluster.start("supervise", "--once")
        first.send_signal(signal.SIGSTOP)
        _, errors = second.communicate(timeout=100)
        assert second.returncode == 0, errors
        first.send_signal(signal.SIGCONT)
        _, errors = first.communicate(timeout=30)
        assert "another supervisor has taken over" in errors
    assert cluster.state() == "done"
    assert cluster.attempts() == PHOTOS / 10  # what was sent before was not sent again
    cluster.one_outcome_each()


def test_two_jobs_over_one_collection_planned_at_the_same_time_take_each_photo_in_once(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url)
    second = cluster.submit(tmp_path / "second")
    with fake_worker(broker_url, tmp_path / "worker.log"):
        both = [cluster.start("supervise", job, "--once") for job in (cluster.job, second)]
        for process in both:
            _, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
    for out in (cluster.out, tmp_path / "second"):
        cluster.one_outcome_each(out)


def test_a_small_job_does_not_wait_for_the_end_of_a_large_one(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    cluster = Cluster(samples, tmp_path, broker_url, HEADCOUNT_WINDOW="4")
    other = copies_of_one(samples, tmp_path / "other", 10)
    sent = cluster.run("submit", str(other), "--out", str(tmp_path / "small"))
    small = sent.stdout.strip()
    with fake_worker(broker_url, tmp_path / "worker.log"):
        supervisor = cluster.start("supervise", "--once")
        until((cluster.archive / JobKeys(small).finished).exists)
        assert len(cluster.done()) < PHOTOS / 10
        _, errors = supervisor.communicate(timeout=100)
    assert supervisor.returncode == 0, errors
    cluster.one_outcome_each()
