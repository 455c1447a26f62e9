"""Every alert rings when it should and is silent when it should not, as Prometheus itself says."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
ALERTS = (PROMETHEUS / "alerts.yml").read_text()
CASES = (PROMETHEUS / "alerts_test.yml").read_text()

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool comes with Debian's package prometheus"
)

GONE = 'absent(up{job="headcount-supervisor"} == 1)'
SPOILT = {
    "a supervisor that dies at once": (
        "last_over_time(headcount_last_failed_timestamp_seconds[15m])",
        "headcount_last_failed_timestamp_seconds",
    ),
    "a counter that is born with 1": (
        "time() - (max by (namespace) (last_over_time("
        "headcount_last_failed_timestamp_seconds[15m])) > 0) < 900",
        'increase(headcount_jobs_total{end="failed"}[15m]) > 0',
    ),
    "no job that ever failed": (" > 0) < 900", ") < 900"),
    "a failed scrape in a failed night": (
        "max_over_time(headcount_night_failed[2m])",
        "headcount_night_failed",
    ),
    "a schedule that was removed": (f"and on () {GONE}", ""),
    "a night that nobody begins": (
        "or last_over_time(headcount_night_due_timestamp_seconds[2d])",
        "or headcount_night_due_timestamp_seconds",
    ),
    "a beat that is gone": (
        "last_over_time(headcount_beat_ticked_timestamp_seconds[1d])",
        "headcount_beat_ticked_timestamp_seconds",
    ),
    "a beat in reserve": (
        "max by (namespace) (last_over_time(headcount_beat",
        "min by (namespace) (last_over_time(headcount_beat",
    ),
    "a broker that is started anew": (
        "max_over_time(headcount_broker_up[2m])",
        "headcount_broker_up",
    ),
    "a store that one supervisor does not reach": (
        "min by (namespace) (max_over_time(headcount_store",
        "max by (namespace) (max_over_time(headcount_store",
    ),
    "a failed scrape while work waits": (
        'min_over_time(headcount_queue_units{state="waiting"}[2m])',
        'headcount_queue_units{state="waiting"}',
    ),
    "a unit in hand of a dead worker": (
        "and on (namespace) max by (namespace) (headcount_workers) > 0",
        "",
    ),
    "a failed scrape of a worker that is not ready": (
        "max_over_time(headcount_worker_ready[2m])",
        "headcount_worker_ready",
    ),
    "a worker that refused one unit": (
        "min_over_time(headcount_workers_refusing[5m])",
        "max_over_time(headcount_workers_refusing[5m])",
    ),
    "a failed scrape while a unit waits": (
        "max_over_time(headcount_queue_oldest_seconds[2m])",
        "headcount_queue_oldest_seconds",
    ),
    "units that were lost with the broker": ("headcount_job_lost_in_hand", "headcount_job_resent"),
    "a supervisor that is started anew": (
        "increase(headcount_job_lost_in_hand[30m])",
        "headcount_job_lost_in_hand",
    ),
    "three photos of three": (">= 10", ">= 0"),
}
"""What an alert would get wrong if its expression were the shorter one."""


def promtool(folder: Path, alerts: str, cases: str) -> subprocess.CompletedProcess[str]:
    (folder / "alerts.yml").write_text(alerts)
    (folder / "alerts_test.yml").write_text(cases)
    command = ["promtool", "test", "rules", str(folder / "alerts_test.yml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def alone(rule: dict[str, Any]) -> str:
    return str(yaml.safe_dump({"groups": [{"name": "headcount", "rules": [rule]}]}))


def cases_of(alert: str) -> str:
    cases = yaml.safe_load(CASES)
    for test in cases["tests"]:
        own = [case for case in test["alert_rule_test"] if case["alertname"] == alert]
        test["alert_rule_test"] = own
    cases["tests"] = [test for test in cases["tests"] if test["alert_rule_test"]]
    return str(yaml.safe_dump(cases))


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]


def test_each_alert_has_a_case_in_which_it_rings_and_one_in_which_it_is_silent() -> None:
    cases = [c for test in yaml.safe_load(CASES)["tests"] for c in test["alert_rule_test"]]
    for rule in rules():
        own = [bool(c["exp_alerts"]) for c in cases if c["alertname"] == rule["alert"]]
        assert {True, False} == set(own), rule["alert"]


def test_each_alert_says_how_bad_it_is_and_stands_in_the_docs() -> None:
    docs = (PROMETHEUS.parents[1] / "docs" / "operate.md").read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")
        assert f"`{rule['alert']}`" in docs


@needs_promtool
def test_the_alerts_ring_as_their_cases_say(tmp_path: Path) -> None:
    done = promtool(tmp_path, ALERTS, CASES)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("trap", SPOILT)
def test_the_cases_notice_an_alert_that_gets_it_wrong(tmp_path: Path, trap: str) -> None:
    right, wrong = SPOILT[trap]
    (rule,) = [rule for rule in rules() if right in rule["expr"]]
    cases = cases_of(rule["alert"])
    assert promtool(tmp_path, alone(rule), cases).returncode == 0
    rule["expr"] = rule["expr"].replace(right, wrong)
    assert promtool(tmp_path, alone(rule), cases).returncode == 1


@needs_promtool
def test_prometheus_takes_its_configuration() -> None:
    command = ["promtool", "check", "config", str(PROMETHEUS / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
