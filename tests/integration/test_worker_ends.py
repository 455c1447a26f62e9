"""Beginnings and ends of workers: a broker that is away, a kill, a defect; what counts as work."""

import json
import signal
from pathlib import Path

import pytest

from headcount.broker.client import Broker
from tests.clusters import Cluster, fake_worker, until
from tests.integration.test_refusals import get
from tests.servers import Valkey, free_ports

pytestmark = pytest.mark.integration


def test_a_worker_waits_for_its_broker_and_says_so(tmp_path: Path) -> None:
    valkey, log = Valkey(tmp_path / "valkey"), tmp_path / "worker.log"
    with fake_worker(valkey.url, log) as worker:
        until(lambda: "waiting for the broker" in log.read_text())
        assert worker.poll() is None
        with valkey.running():
            until(lambda: " ready." in log.read_text())
            assert Broker(valkey.url).worker_count() == 1
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0


def test_a_worker_that_ends_for_a_fault_ends_with_1_and_one_line(
    tmp_path: Path, broker_url: str
) -> None:
    log = tmp_path / "worker.log"
    with fake_worker(broker_url, log, module="tests.integration.broken_worker") as worker:
        assert worker.wait(60) == 1
    said = [line for line in log.read_text().splitlines() if "a defect" in line]
    assert len(said) == 1
    assert "Traceback" not in log.read_text()


def test_a_queue_has_no_work_once_its_job_is_done_though_a_killed_worker_left_a_message(
    samples: Path, tmp_path: Path, broker_url: str, calm: Path
) -> None:
    [port] = free_ports(1)
    broker = Broker(broker_url)
    cluster = Cluster(samples, tmp_path, broker_url, HEADCOUNT_LOST_SECONDS="3")
    supervisor = cluster.start("supervise", "--every", "1", "--metrics-port", str(port))
    try:
        with fake_worker(broker_url, tmp_path / "killed.log") as worker:
            until(lambda: cluster.attempts() > 0)
            assert json.loads(get(port, "/queues/embed")[1])["work"] > 0
            worker.kill()
            worker.wait()
        assert json.loads(get(port, "/queues/embed")[1])["work"] > 0  # it is to be done again
        with fake_worker(broker_url, tmp_path / "worker.log", FAKE_ENGINE_SECONDS="0"):
            until(lambda: cluster.state() == "done")
            until(lambda: broker.queue_states()["embed"].delivered == 1)
        until(lambda: json.loads(get(port, "/queues/embed")[1])["work"] == 0)
        assert broker.queue_states()["embed"].delivered == 1
        assert 'queue="embed",state="in_hand"} 0.0' in get(port, "/metrics")[1]
    finally:
        supervisor.kill()
        supervisor.communicate()
    cluster.same_results(calm)
