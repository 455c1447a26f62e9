"""Refusals of a worker: units that it cannot do, said to the supervisor; it then steps aside."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from headcount.broker.client import REFUSED, Broker
from headcount.contract.messages import OtherVersion
from headcount.contract.stored.workers import WorkerRefusal
from headcount.errors import HeadcountError, WorkerUnfit
from workers.runtime.health import Health

log = logging.getLogger(__name__)

OTHER_VERSION = (
    "its message is of another version of headcount than this worker: run workers and supervisor "
    "of one version"
)


class Shuts(Protocol):
    """An intake that can be shut for a while."""

    def shut(self, seconds: float) -> bool:
        """Take no message for so long. False where it is shut already."""
        ...

    def open(self) -> None:
        """Take messages again."""
        ...


class Refusals:
    """The refusals of one worker process since it last did a unit.

    ``show`` shows the one it stands by to everybody who asks the broker.
    """

    def __init__(
        self,
        worker: str,
        broker: Broker,
        health: Health,
        show: Callable[[WorkerRefusal | None], None],
    ) -> None:
        self._worker = worker
        self._broker = broker
        self._health = health
        self._show = show
        self._intake: Shuts | None = None
        self._seconds = 0.0
        self._numbers = itertools.count(1)
        self._round = 0

    def pause(self, intake: Shuts, seconds: float) -> None:
        """Shut this intake for so long after each refusal."""
        self._intake, self._seconds = intake, seconds

    def refuse(self, message: dict[str, Any], error: WorkerUnfit) -> None:
        """Refuse the unit of a message: tell why, be not ready, take no message for a while."""
        refusal = WorkerRefusal(worker=self._worker, cause=str(error), kind=error.kind)
        if self._intake is None or self._intake.shut(self._seconds):
            self._round += 1
        log.error(
            "%s/%s refused: %s; the next message is taken in %.0f s",
            *(message.get("job_id"), message.get("unit"), error, self._seconds),
        )
        self._health.refuses(refusal)
        self._show(refusal)
        self._tell(message, refusal)

    def refuse_version(self, message: dict[str, Any]) -> None:
        """Refuse a message of another version."""
        self.refuse(message, WorkerUnfit(OTHER_VERSION, "version"))

    def worked(self) -> None:
        """Note that a unit was done: nothing is refused any more."""
        if self._health.refusal is not None:
            log.info("units are done again")
            self._health.refuses(None)
            self._show(None)
            if self._intake is not None:
                self._intake.open()

    def _tell(self, message: dict[str, Any], refusal: WorkerRefusal) -> None:
        """Tell the supervisor through the broker: the store may be what cannot be reached."""
        unit = OtherVersion.model_validate(message)
        state = refusal.model_dump() | {
            "state": REFUSED,
            "number": next(self._numbers),
            "round": self._round,
        }
        with suppress(HeadcountError):  # the supervisor finds the unit lost, and sends it again
            self._broker.send_heartbeat(unit.job_id, unit.unit, state)
