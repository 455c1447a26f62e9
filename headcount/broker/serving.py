"""A worker process: consume the queues until a signal stops it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from celery import Celery
from celery.bootsteps import StartStopStep
from celery.signals import worker_shutting_down

from headcount.broker.client import Broker
from headcount.broker.intake import Connected, Intake
from headcount.broker.presence import PRESENCE_SECONDS, WorkerState
from headcount.contract.stored.workers import WorkerRefusal
from headcount.errors import FatalError, HeadcountError, TransientError

log = logging.getLogger(__name__)

CONNECTION_CHECK_SECONDS = 1.0
"""Seconds between two checks that messages still come."""
END_LOGGER = "celery.worker.worker"
BRIEF_LOGGERS = ("celery.app.trace", END_LOGGER)
"""Loggers of Celery that tell of a failed task, and of the worker's own end."""
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


class Presence:
    """A worker as it shows itself to the broker, now and then and when that changes."""

    def __init__(self, broker: Broker, name: str, queues: list[str]) -> None:
        self._broker = broker
        self._state = WorkerState(name, frozenset(queues))

    @property
    def name(self) -> str:
        """The worker's name."""
        return self._state.name

    def show(self) -> None:
        """Show the worker; a broker that is away does not matter."""
        with suppress(TransientError, FatalError):
            self._broker.show_worker(self._state)

    def refuse(self, refusal: WorkerRefusal | None) -> None:
        """Show from now on that it refuses work, or that it does no more."""
        if refusal != self._state.refusal:
            self._state = replace(self._state, refusal=refusal)
            self.show()

    def run(self) -> None:
        """Show the worker for ever."""
        while True:
            self.show()
            time.sleep(PRESENCE_SECONDS)


def serve(
    app: Celery,
    intake: Intake,
    presence: Presence,
    queues: list[str],
    *,
    stopping: Callable[[], None],
    at_once: int = 1,
) -> int:
    """Work on ``queues`` until a signal says stop; ``stopping`` is called when one does.

    ``at_once`` units run side by side, in threads: CUDA does not survive a fork. Returns the exit
    code: not 0 where a fault ended the worker.
    """

    def on_stop(**_: Any) -> None:
        stopping()

    worker_shutting_down.connect(on_stop, weak=False)
    threading.Thread(target=presence.run, daemon=True).start()
    app.steps["consumer"].update((Reconnect, Connected))
    for name in BRIEF_LOGGERS:
        logging.getLogger(name).addFilter(_brief)
    worker = app.Worker(
        hostname=presence.name,
        queues=queues,
        pool="threads",
        concurrency=at_once,
        loglevel=logging.getLogger().level,  # as it was set before
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        optimization="fair",
        quiet=True,
        intake=intake,
    )
    worker.start()
    return worker.exitcode or 0


def _brief(record: logging.LogRecord) -> bool:
    """Leave the traceback out of Celery's line: an error of ours was told where it arose."""
    error = record.exc_info[1] if record.exc_info else None
    ends = record.name == END_LOGGER
    if isinstance(error, HeadcountError) or (ends and not log.isEnabledFor(logging.DEBUG)):
        record.exc_info, record.exc_text = None, None
    return True
