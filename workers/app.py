"""The worker process: Celery tasks that parse their message, call, and return."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from headcount.broker.app import make_app, register
from headcount.broker.client import Broker
from headcount.broker.queues import TASKS
from headcount.contract.messages import UnitMessage
from headcount.errors import WorkerUnfit
from headcount.telemetry import logs
from workers.runtime.health import Health
from workers.runtime.refusals import Refusals
from workers.runtime.runner import Work, run_unit
from workers.runtime.unit import Context, Unit
from workers.stages.embed import embed_shard
from workers.stages.prepare import prepare_job
from workers.stages.reduce import reduce_job
from workers.stages.split import split_faces
from workers.stages.split_tasks import join_group, match_part

WORK: dict[str, Work] = {
    "prepare": prepare_job,
    "embed": embed_shard,
    "split": split_faces,
    "match": match_part,
    "join": join_group,
    "reduce": reduce_job,
}


def worker_name() -> str:
    """A name for this process that no other one has."""
    return f"{socket.gethostname()}-{os.getpid()}"


def task(
    context: Context, broker: Broker, work: Work, health: Health, refusals: Refusals
) -> Callable[[dict[str, Any]], None]:
    """The body of a task, which validates the message and runs the unit."""

    def body(raw: dict[str, Any]) -> None:
        message = UnitMessage.model_validate(raw)  # the intake lets no other one in
        with logs.bound(job=message.job_id, shard=message.unit):
            try:
                unit = Unit.accepted(message, context)
                with health.at_work(unit):
                    done = run_unit(unit, health.watched(work), broker)
            except WorkerUnfit as error:
                refusals.refuse(raw, error)
                raise
            if done:
                refusals.worked()

    return body


def make_worker_app(
    context: Context, broker: Broker, health: Health, refusals: Refusals
) -> Any:  # Celery
    """The Celery application with every task registered."""
    app = make_app(broker.url)
    for stage, name in TASKS.items():
        register(app, name, task(context, broker, WORK[stage], health, refusals))
    return app
