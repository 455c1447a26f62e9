"""``headcount worker``: become a worker process. The data side is never imported here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import click

from headcount.broker.address import parse_address
from headcount.errors import FatalError
from headcount.settings import Settings
from orchestrator.commands.options import load_s3, load_settings, metrics_option, model_options
from orchestrator.commands.supervise import require_broker_url
from orchestrator.local.servers import WORKER_ENVIRONMENT


@click.command()
@click.option("--queues", default="embed,reduce", show_default=True, help="Queues to work on.")
@metrics_option
@model_options
def command(
    queues: str,
    metrics_port: int | None,
    model: str | None,
    provider: str | None,
    threads: int | None,
) -> None:
    """Work on a broker's queues until told to stop; wait for a broker that is away.

    Needs the worker's libraries: pip install 'headcount[cpu]' or 'headcount[gpu]'.
    """
    settings = load_settings(model=model, provider=provider, threads=threads)
    load_s3()
    parse_address(require_broker_url(settings))
    require_worker_libraries()
    environment = WORKER_ENVIRONMENT | dict(os.environ) | environment_of(settings)
    arguments = [sys.executable, "-m", "workers", "--queues", queues]
    if metrics_port is not None:
        arguments += ["--metrics-port", str(metrics_port)]
    os.execve(sys.executable, arguments, environment)  # noqa: S606 - replaces this process


def environment_of(settings: Settings) -> dict[str, str]:
    """Environment that hands model, provider and threads to a process of the data side."""
    return {
        "HEADCOUNT_MODEL": settings.model,
        "HEADCOUNT_PROVIDER": settings.provider,
        "HEADCOUNT_THREADS": str(settings.threads),
    }


def require_worker_libraries() -> None:
    """Raise FatalError where only the control side is installed."""
    missing = [n for n in ("onnxruntime", "faiss", "PIL") if importlib.util.find_spec(n) is None]
    if missing:
        raise FatalError(
            f"this installation has no worker in it ({', '.join(missing)} missing): "
            "pip install 'headcount[cpu]', or 'headcount[gpu]' on a machine with CUDA"
        )


def run_tool(*tool: str, environment: Mapping[str, str] | None = None) -> Any:
    """Run a tool of the data side in a process of its own; return the JSON that it prints.

    ``environment`` is laid over this process's own. Raises FatalError with the tool's own
    message where it fails.
    """
    require_worker_libraries()
    ended = subprocess.run(
        [sys.executable, "-m", "workers", *tool],
        capture_output=True,
        text=True,
        env=dict(os.environ) | dict(environment or {}),
        check=False,
    )
    if ended.returncode:
        raise FatalError(ended.stderr.strip()[-2000:] or f"the worker's {tool[0]} failed")
    return json.loads(ended.stdout)
