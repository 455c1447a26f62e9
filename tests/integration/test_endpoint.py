"""A worker and a supervisor looked at over HTTP, as Prometheus and Kubernetes do."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.test_dashboards import METRIC, queries
from tests.running import headcount, start
from tests.servers import free_ports

pytestmark = pytest.mark.integration


def get(port: int, path: str) -> str:
    """A page's text; empty while nobody answers or the answer is no."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_job_is_seen_in_the_metrics_of_worker_and_supervisor(
    samples: Path, tmp_path: Path, broker_url: str
) -> None:
    of_worker, of_supervisor, of_beat = free_ports(3)
    archive = str(tmp_path / "archive")
    cluster = {
        "HEADCOUNT_BROKER_URL": broker_url,
        "HEADCOUNT_ARCHIVE": archive,
        "HEADCOUNT_LOG_FORMAT": "json",
    }
    worker = start("worker", "--metrics-port", str(of_worker), **cluster)
    supervisor = start("supervise", "--metrics-port", str(of_supervisor), **cluster)
    beat = start("beat", "--metrics-port", str(of_beat), **cluster)
    try:
        job = headcount("submit", str(samples / "photos"), **cluster).stdout.strip()
        eventually(lambda: get(of_worker, "/readyz") == "ready\n")
        eventually(lambda: 'headcount_jobs_total{end="done"} 1.0' in get(of_supervisor, "/metrics"))
        seen = get(of_worker, "/metrics")
        assert 'headcount_photos_total{outcome="faces"} 7.0' in seen
        assert 'headcount_stage_seconds_total{stage="decode"}' in seen
        assert get(of_worker, "/healthz")
        assert get(of_supervisor, "/healthz")
        assert json.loads(get(of_supervisor, "/queues/embed"))["waiting"] == 0
        eventually(lambda: "\nheadcount_beat_ticked" in get(of_beat, "/metrics"))
        assert get(of_beat, "/healthz").startswith("last looked")
        every = "".join(get(port, "/metrics") for port in (of_worker, of_supervisor, of_beat))
        asked = {name for query in queries() for name in METRIC.findall(query)}
        assert asked - set(METRIC.findall(every)) == set()
    finally:
        beat.kill()
        beat.communicate(timeout=60)
        supervisor.kill()
        worker.terminate()
        _, logged = worker.communicate(timeout=60)
        supervisor.communicate(timeout=60)
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    assert {"job": job, "shard": "embed-0000000"}.items() <= {
        k: v for line in lines for k, v in line.items() if line.get("shard") == "embed-0000000"
    }.items()
