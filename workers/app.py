"""The worker process: Celery tasks that parse their message, call, and return."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from headcount.broker import TASKS, Broker, make_app, register
from headcount.messages import UnitMessage
from headcount.settings import S3Settings, Settings
from workers.context import Context, Unit
from workers.embed import embed_shard
from workers.prepare import prepare_job
from workers.reduce import reduce_job
from workers.units import Work, run_unit

WORK: dict[str, Work] = {
    "prepare": prepare_job,
    "embed": embed_shard,
    "reduce": reduce_job,
}


def worker_name() -> str:
    """A name for this process: two are never mistaken for each other."""
    return f"{socket.gethostname()}-{os.getpid()}"


def task(context: Context, broker: Broker, work: Work) -> Callable[[dict[str, Any]], None]:
    """The body of a task: validate the message, run the unit."""

    def body(raw: dict[str, Any]) -> None:
        message = UnitMessage.model_validate(raw)
        run_unit(Unit.of(message, context), work, broker)

    return body


def make_worker_app(settings: Settings, s3: S3Settings, broker: Broker) -> Any:  # Celery
    """The Celery application with every task registered."""
    context = Context(settings, s3, worker_name())
    app = make_app(broker.url)
    for stage, name in TASKS.items():
        register(app, name, task(context, broker, WORK[stage]))
    return app
