"""A worker process: consume the queues until a signal stops it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery import Celery
from celery.bootsteps import StartStopStep
from celery.signals import worker_shutting_down

from headcount.broker.client import Broker
from headcount.errors import FatalError, TransientError

CONNECTION_CHECK_SECONDS = 1.0
"""Seconds between two checks that messages still come."""
DEAF_CHECKS = 5
"""A worker that fails so many checks in a row connects anew."""


class Reconnect(StartStopStep):  # type: ignore[misc]
    """A step of Celery's consumer that replaces a connection which brings no messages any more.

    kombu counts a message as in hand until it is acknowledged. If the broker died meanwhile, that
    never happens: an idle worker then asks for nothing, and does not see that its connection is
    gone.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Begin the checks; Celery drops the timer with the connection."""
        self._deaf = 0
        consumer.timer.call_repeatedly(CONNECTION_CHECK_SECONDS, self._look, (consumer,))

    def _look(self, consumer: Any) -> None:
        from celery.worker.state import reserved_requests

        idle = not reserved_requests
        deaf = idle and not consumer.task_consumer.channel.qos.can_consume()
        self._deaf = self._deaf + 1 if deaf else 0
        if self._deaf >= DEAF_CHECKS:
            raise ConnectionError("an acknowledgement was lost with the broker; connecting anew")


def serve(
    app: Celery,
    broker: Broker,
    queues: list[str],
    name: str,
    *,
    stopping: Callable[[], None],
    at_once: int = 1,
) -> None:
    """Work on ``queues`` until a signal says stop; ``stopping`` is called when one does.

    ``at_once`` units run side by side, in threads: CUDA does not survive a fork.
    """

    def on_stop(**_: Any) -> None:
        stopping()

    worker_shutting_down.connect(on_stop, weak=False)
    threading.Thread(target=_show, args=(broker, name), daemon=True).start()
    app.steps["consumer"].add(Reconnect)
    app.Worker(
        hostname=name,
        queues=queues,
        pool="threads",
        concurrency=at_once,
        loglevel=logging.getLogger().level,  # as it was set before
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        optimization="fair",
        quiet=True,
    ).start()


def _show(broker: Broker, name: str) -> None:
    while True:
        with suppress(TransientError, FatalError):
            broker.show_worker(name)
        time.sleep(10)
