"""The intake of a worker: it reads each message before kombu does, and can be shut for a while.

Both are steps of Celery's consumer, which Celery makes anew with each connection.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
from celery.bootsteps import RUN, StartStopStep

from headcount.broker import envelopes
from headcount.broker.client import Broker
from headcount.broker.envelopes import ForeignMessage
from headcount.errors import HeadcountError

log = logging.getLogger(__name__)

ERROR_SECONDS = 1.0
"""Pause after an error of the broker."""
ERROR_LINE_SECONDS = 60.0
"""Pause between two log lines about one that lasts."""
PRIORITY_MARK = b"\x06\x16"
"""The mark between a queue's name and a priority in kombu's keys."""
MOVED = ("READONLY", "UNBLOCKED", "You can't write against a read only replica")
"""Beginnings of errors by which a server says that another one is master now."""


class Intake:
    """Messages on their way into a worker: foreign ones are set aside, the intake may be shut.

    ``on_foreign`` gets the kind of each foreign message, ``on_version`` each message that another
    version of headcount has sent.
    """

    def __init__(
        self,
        broker: Broker,
        queues: list[str],
        *,
        on_foreign: Callable[[str], None],
        on_version: Callable[[dict[str, Any]], None],
    ) -> None:
        self._broker = broker
        self._queues = queues
        self._on_foreign = on_foreign
        self._on_version = on_version
        self._consumer: Any = None
        self._shut = False
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}

    def connected(self, consumer: Any) -> None:
        """Watch a new connection: replies of its client pass through ``_read``."""
        self._consumer = consumer
        client = consumer.task_consumer.channel.client
        client.parse_response = partial(self._read, client.parse_response)

    def shut(self, seconds: float) -> bool:
        """Take no message for so long. False where the intake is shut already."""
        with self._lock:
            if self._shut:
                return False
            self._shut = seconds > 0 and self._consumer is not None
        if self._shut:
            self._consumer.call_soon(self._cancel, seconds)
        return True

    def open(self) -> None:
        """Take messages again at once."""
        if self._shut:
            self._consumer.call_soon(self._resume)

    def _cancel(self, seconds: float) -> None:
        consumer = self._consumer
        for queue in self._queues:
            if consumer.task_consumer is None:  # between two connections
                consumer.app.amqp.queues.deselect(queue)
            else:
                consumer.cancel_task_queue(queue)
        consumer.timer.call_after(seconds, self._resume)

    def _resume(self) -> None:
        if not self._shut or self._consumer.blueprint.state != RUN:
            return
        if self._consumer.task_consumer is None:
            self._consumer.timer.call_after(ERROR_SECONDS, self._resume)
            return
        self._shut = False
        for queue in self._queues:
            self._consumer.add_task_queue(queue)

    def _read(self, parse: Callable[..., Any], connection: Any, command: str, **more: Any) -> Any:
        """Read a reply as redis-py does; None in place of a message that is not for Celery."""
        if command != "BRPOP":
            return parse(connection, command, **more)
        try:
            reply = parse(connection, command, **more)
        except redis.ConnectionError:  # Celery connects anew
            raise
        except redis.ResponseError as error:
            self._wait_out(error)
            return None
        if reply is None or self._is_ours(*reply):
            return reply
        return None

    def _wait_out(self, error: redis.ResponseError) -> None:
        """Pause after an error. Raises ConnectionError where another server is to be found."""
        text = str(error)
        if time.monotonic() - self._told.get(text, float("-inf")) > ERROR_LINE_SECONDS:
            self._told[text] = time.monotonic()
            names = ", ".join(self._queues)
            log.error("the broker refuses to hand out messages of %s: %s; waiting", names, text)
        time.sleep(ERROR_SECONDS)
        if isinstance(error, redis.ReadOnlyError) or text.startswith(MOVED):
            raise redis.ConnectionError(text) from error

    def _is_ours(self, key: bytes, raw: bytes) -> bool:
        """Whether Celery may have the message; any other one is dealt with here."""
        queue = key.split(PRIORITY_MARK)[0].decode(errors="replace")
        try:
            envelope = envelopes.read(raw)
        except ForeignMessage as foreign:
            self._set_aside(queue, raw, foreign)
            return False
        if not envelope.known:
            self._on_version(envelope.message)
        return envelope.known

    def _set_aside(self, queue: str, raw: bytes, foreign: ForeignMessage) -> None:
        self._on_foreign(foreign.kind)
        log.warning(
            "a message of %d bytes in the queue %s is not headcount's (%s): kept in %s.foreign",
            *(len(raw), queue, foreign, queue),
        )
        try:
            self._broker.set_aside(queue, raw)
        except HeadcountError as error:
            log.warning("it is dropped: %s", error)


class Connected(StartStopStep):  # type: ignore[misc]
    """The step that hands each new connection to the intake, and paces new connections."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, intake: Intake, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._intake = intake

    def start(self, consumer: Any) -> None:
        """Watch the connection."""
        self._intake.connected(consumer)

    def stop(self, consumer: Any) -> None:
        """Wait a moment before Celery connects anew: it would not, after an error of the broker."""
        if consumer.blueprint.state == RUN:
            time.sleep(ERROR_SECONDS)
