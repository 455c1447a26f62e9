"""Running headcount as a user does, and reading what came out."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq


def environment(**extra: str) -> dict[str, str]:
    """The environment of a user who has set nothing but ``extra``, and does not wait for polls."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("HEADCOUNT_", "AWS_"))}
    return plain | {"HEADCOUNT_POLL_SECONDS": "0.1"} | extra


def start(*arguments: str, **extra: str) -> subprocess.Popen[str]:
    """``headcount ARGUMENTS`` as a process."""
    return subprocess.Popen(
        [sys.executable, "-c", "from orchestrator.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**extra),
    )


def headcount(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """``headcount ARGUMENTS``, to its end."""
    process = start(*arguments, **extra)
    out, err = process.communicate(timeout=280)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def table(results: Path, name: str) -> list[dict[str, Any]]:
    """A result table as rows."""
    rows: list[dict[str, Any]] = pq.read_table(results / f"{name}.parquet").to_pylist()
    return rows


def summary(results: Path) -> dict[str, Any]:
    """The run's summary."""
    loaded: dict[str, Any] = json.loads((results / "summary.json").read_text())
    return loaded


def comparable(rows: list[dict[str, Any]], *without: str) -> list[dict[str, Any]]:
    """Rows in an order of their own, less the columns that may differ between two runs."""
    cut = [{k: v for k, v in row.items() if k not in without} for row in rows]
    return sorted(cut, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def said(out: Path) -> list[Any]:
    """Everything that a run says but for its own id."""
    names = ("photos", "faces", "people", "clusters", "lineage", "expected")
    tables = [comparable(table(out, name), "job_id") for name in names]
    return [*tables, json.loads((out / "diff.json").read_text())]


def by_faces(out: Path) -> list[Any]:
    """Everything that a run says, with its clusters named by their first faces."""
    faces = table(out, "faces")
    first: dict[str, str] = {}
    for row in sorted(faces, key=lambda row: str(row["face_id"])):
        first.setdefault(row["cluster_id"], row["face_id"])

    def renamed(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: renamed(value) for key, value in found.items()}
        if isinstance(found, list):
            return [renamed(value) for value in found]
        return first.get(found, found) if isinstance(found, str) else found

    tables = renamed(said(out))
    return [comparable(rows) if isinstance(rows, list) else rows for rows in tables]


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below ``pid``."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def worker_processes(pid: int) -> list[psutil.Process]:
    """The worker processes below ``pid``."""
    found = []
    for process in descendants(pid):
        with suppress(psutil.NoSuchProcess):  # a zombie counts as gone
            if "workers" in process.cmdline():
                found.append(process)
    return found
