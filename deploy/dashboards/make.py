"""Writes headcount.json, the Grafana dashboard, from the list of panels below."""

from __future__ import annotations

import json
import sys
from pathlib import Path

SHARE = "sum by (stage) (rate(headcount_stage_seconds_total[5m]))"


def of_job(metric: str) -> str:
    """One series for each job, however many supervisors show it."""
    return f"max by (job_id) (headcount_job_{metric})"


PANELS: list[tuple[str, str, list[tuple[str, str]]]] = [
    # title, unit, [(query, legend)]
    ("Photos per second", "ops", [("sum(rate(headcount_photos_total[5m]))", "photos")]),
    ("Faces per second", "ops", [("sum(rate(headcount_faces_total[5m]))", "faces")]),
    (
        "Progress of jobs",
        "percentunit",
        [(f"{of_job('photos_done')} / ({of_job('photos')} > 0)", "{{job_id}}")],
    ),
    ("Time left", "s", [(of_job("seconds_left"), "{{job_id}}")]),
    (
        "Where worker time goes: decode high beside detect and embed = the GPU waits",
        "percentunit",
        [(f"{SHARE} / scalar(sum(rate(headcount_stage_seconds_total[5m])))", "{{stage}}")],
    ),
    (
        "Seconds per shard",
        "s",
        [
            (
                f"histogram_quantile({q}, sum by (le) "
                '(rate(headcount_unit_seconds_bucket{unit="embed"}[15m])))',
                f"p{int(q * 100)}",
            )
            for q in (0.5, 0.95)
        ],
    ),
    (
        "Units, waiting and in hand",
        "short",
        [("max by (queue, state) (headcount_queue_units)", "{{queue}} {{state}}")],
    ),
    (
        "Oldest waiting unit",
        "s",
        [("max by (queue) (headcount_queue_oldest_seconds)", "{{queue}}")],
    ),
    (
        "Workers",
        "short",
        [
            ("max(headcount_workers)", "seen"),
            ("max(headcount_workers_refusing)", "refusing"),
            ("sum(headcount_worker_busy > bool 0)", "busy"),
            ("sum(headcount_worker_ready)", "ready"),
        ],
    ),
    ("Shards in flight", "short", [(of_job("shards_in_flight"), "{{job_id}}")]),
    (
        "Photos not processed, by cause",
        "ops",
        [
            (
                'sum by (outcome) (rate(headcount_photos_total{outcome!~"faces|no_face"}[5m]))',
                "{{outcome}}",
            )
        ],
    ),
    (
        "Retries and lost units",
        "short",
        [
            (
                'sum(increase(headcount_units_total{end!="done"}[5m])) by (unit, end)',
                "{{unit}} {{end}}",
            ),
            (of_job("resent"), "sent again, {{job_id}}"),
            (of_job("lost_in_hand"), "lost with a worker, {{job_id}}"),
        ],
    ),
    ("Bytes per second", "Bps", [("sum(rate(headcount_photo_bytes_total[5m]))", "read")]),
    (
        "Refusals and foreign messages",
        "short",
        [
            ("sum by (cause) (increase(headcount_refusals_total[5m]))", "refused, {{cause}}"),
            ("sum by (kind) (increase(headcount_foreign_messages_total[5m]))", "foreign, {{kind}}"),
        ],
    ),
    (
        "Broker and store",
        "short",
        [
            ("max(headcount_broker_up)", "broker answers"),
            ("min(headcount_store_away_seconds)", "store away, seconds"),
        ],
    ),
    (
        "Time to the next night",
        "s",
        [("max by (schedule) (headcount_night_due_timestamp_seconds) - time()", "{{schedule}}")],
    ),
    (
        "Jobs that ended",
        "short",
        [("sum by (end) (increase(headcount_jobs_total[1h]))", "{{end}}")],
    ),
    (
        "Memory of processes",
        "bytes",
        [
            (
                'process_resident_memory_bytes{job=~".*headcount.*"}',
                "{{job}} {{instance}}",
            )
        ],
    ),
    (
        "Cores in use",
        "short",
        [
            (
                'rate(process_cpu_seconds_total{job=~".*headcount.*"}[5m])',
                "{{job}} {{instance}}",
            )
        ],
    ),
    (
        "Memory of GPUs",
        "bytes",
        [
            ("headcount_gpu_memory_used_bytes", "used, {{instance}} {{gpu}}"),
            ("headcount_gpu_memory_bytes", "of, {{instance}} {{gpu}}"),
        ],
    ),
    (
        "Open files",
        "short",
        [('process_open_fds{job=~".*headcount.*"}', "{{job}} {{instance}}")],
    ),
]


def panel(number: int, title: str, unit: str, queries: list[tuple[str, str]]) -> dict[str, object]:
    """One graph, two to a row. Only a time to come may be below 0: it is overdue."""
    floor = {} if title == "Time to the next night" else {"min": 0}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
        "fieldConfig": {"defaults": {"unit": unit} | floor, "overrides": []},
        "targets": [
            {"refId": chr(65 + n), "expr": expr, "legendFormat": legend}
            for n, (expr, legend) in enumerate(queries)
        ],
    }


def dashboard() -> dict[str, object]:
    """The whole dashboard."""
    return {
        "uid": "headcount",
        "title": "headcount",
        "schemaVersion": 41,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "panels": [panel(number, *each) for number, each in enumerate(PANELS)],
    }


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("headcount.json"))
    target.write_text(json.dumps(dashboard(), indent=1) + "\n")
