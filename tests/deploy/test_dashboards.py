"""Dashboard and alerts ask only for metrics that headcount has."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount.broker.client import QueueState
from headcount.broker.presence import WorkerState
from headcount.contract.record import now
from headcount.contract.stored.jobs import DoneMarker, ProgressRecord
from headcount.telemetry.collectors import BeatMetrics, CardMemory, Night
from headcount.telemetry.metrics import Board, WorkerMetrics

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
METRIC = re.compile(r"\b(?:headcount|process)_[a-z_]+")
OF_PROMETHEUS = {"namespace", "instance", "job"}
"""Labels that Prometheus adds to what it scrapes."""


def queries() -> Iterator[str]:
    dashboard = json.loads((DEPLOY / "dashboards" / "headcount.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    for group in alerts["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.fixture(scope="module")
def exposed() -> str:
    """All that workers and supervisors expose, each metric with a sample."""
    worker = WorkerMetrics(lambda: [CardMemory("0", 1, 2)])
    marker = DoneMarker(
        unit="embed-0000000",
        attempt=1,
        worker="w",
        seconds=1,
        outcomes={"faces": 1},
        stages={"decode": 1.0},
    )
    worker.done("embed", marker)
    board = Board(lambda: {"embed": QueueState(1, 1, 1.0)}, lambda: [WorkerState("w")])
    board.progress(
        ProgressRecord(
            job_id="j1",
            stage="embed",
            updated=now(),
            outcomes={"faces": 1},
            photos_per_second=1.0,
            seconds_left=1.0,
        )
    )
    board.nights = {"home": Night(now(), failed=False)}
    return (worker.text() + board.text() + BeatMetrics(lambda: 1.0).text()).decode()


def test_every_metric_of_dashboard_and_alerts_exists(exposed: str) -> None:
    have = set(METRIC.findall(exposed))
    asked = {name for query in queries() for name in METRIC.findall(query)}
    assert len(asked) > 12
    assert asked - have == set()


def test_every_label_of_dashboard_and_alerts_exists(exposed: str) -> None:
    have = set(re.findall(r'[{,]([a-z_]+)="', exposed))
    asked = {label for query in queries() for label in re.findall(r"[{,]\s*([a-z_]+)[!=]", query)}
    grouped = {
        label.strip()
        for query in queries()
        for labels in re.findall(r"by \(([a-z_, ]+)\)", query)
        for label in labels.split(",")
    }
    assert (asked | grouped) - have - OF_PROMETHEUS == set()


def test_a_supervisor_in_reserve_counts_nothing_twice(exposed: str) -> None:
    """Both show the same gauges of broker and archive: a sum of them would be the double."""
    gauges = set(re.findall(r"# TYPE (headcount_\w+) gauge", exposed))
    own = {name for name in gauges if name.startswith(("headcount_worker_", "headcount_gpu_"))}
    for query in queries():
        if set(METRIC.findall(query)) & (gauges - own):
            assert re.search(r"\b(max|min)( by \(|\()", query), query
            assert "sum" not in query


def test_no_metric_has_a_label_whose_values_grow_with_the_photos(exposed: str) -> None:
    labels = set(re.findall(r'[{,]([a-z_]+)="', exposed))
    few = {"outcome", "stage", "unit", "end", "le", "queue", "state", "gpu", "schedule"}
    assert labels == few | {"cause", "kind", "job_id"}


def test_the_dashboard_is_what_its_list_of_panels_makes() -> None:
    path = DEPLOY / "dashboards" / "make.py"
    spec = importlib.util.spec_from_file_location("make_dashboard", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads(path.with_name("headcount.json").read_text()) == module.dashboard()
