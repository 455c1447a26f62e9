"""Broker: sends units of work, reads and writes heartbeats, counts messages."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import redis
from kombu.exceptions import KombuError, OperationalError

from headcount.broker.address import parse_address
from headcount.broker.app import make_app
from headcount.broker.connect import connect, translate, why_away
from headcount.broker.queues import EMBED_QUEUE, REDUCE_QUEUE, SCHEDULE_QUEUE, TASKS
from headcount.broker.rights import ROLES, RoleName, missing_rights
from headcount.contract.layout import is_shard
from headcount.contract.messages import FireMessage, UnitMessage
from headcount.errors import FatalError

UNACKED = "unacked"
"""The hash in which kombu keeps delivered messages until they are acknowledged."""
HEARTBEAT_SECONDS = 1.5
"""Seconds between two heartbeats of a unit."""
RELEASED = "left"
"""The state of a unit that its worker handed back unfinished, on purpose."""
HEARTBEAT_EXPIRY_SECONDS = 8
"""A heartbeat is gone after so long without another."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: units that wait, units in hand, and the wait of the oldest."""

    waiting: int
    in_hand: int
    oldest_seconds: float


def heartbeat_key(job_id: str, unit: str) -> str:
    """The key of a unit's heartbeat in Redis."""
    return f"headcount:beat:{job_id}:{unit}"


class Broker:
    """The broker: send units, read heartbeats, count messages."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.address = parse_address(url)
        self._app = make_app(url)
        self._redis = connect(self.address)

    @contextmanager
    def _foreign(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OperationalError, KombuError, OSError) as error:
            raise translate(self.address, error) from error

    def check(self) -> None:
        """Raise FatalError unless the broker answers."""
        try:
            connect(self.address, once=True).ping()
        except (redis.RedisError, OSError) as error:
            fault = translate(self.address, error)
            if isinstance(fault, FatalError):
                raise fault from error
            guess = why_away(self.address, error)
            raise FatalError(
                f"cannot reach the broker at {self.address.shown}"
                + (f": {guess}. " if guess else ". ")
                + "Start a Valkey or Redis there, set HEADCOUNT_BROKER_URL to one that runs, or "
                "unset it to let `headcount run` start its own."
            ) from error

    def missing_rights(self, role: RoleName) -> list[str]:
        """The rights of a role that the URL's user lacks; empty where it has them all."""
        with self._foreign():
            return missing_rights(self._redis, ROLES[role])

    def require_rights(self, role: RoleName) -> None:
        """Raise FatalError where the URL's user may not do all that a role needs.

        Asked before any message is taken: one that was taken, and may not be noted, is lost.
        """
        if lacking := self.missing_rights(role):
            user = self.address.username or "default"
            raise FatalError(
                f"the broker's user {user} has not all rights of a {role}: it lacks "
                f"{', '.join(lacking)}. docs/security.md has the line that gives them"
            )

    def send(self, message: UnitMessage) -> None:
        """Put one unit of work on its queue."""
        task = TASKS[message.unit.split("-")[0]]
        with self._foreign():
            self._app.send_task(
                task,
                kwargs={"message": message.model_dump(mode="json")},
                headers={"sent": time.time()},
                retry=True,
                retry_policy={"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5},
            )

    def fired(self) -> list[FireMessage]:
        """Take the messages of due schedules; drop all others in that queue."""
        taken = []
        with self._foreign():
            while (raw := self._redis.rpop(SCHEDULE_QUEUE)) is not None:
                with suppress(ValueError):
                    taken.append(FireMessage.model_validate(_message_of(raw)))
        return taken

    def heartbeats(self, job_id: str, units: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The latest heartbeat of each unit that a worker has in hand or just finished."""
        names = list(units)
        if not names:
            return {}
        with self._foreign():
            values = self._redis.mget([heartbeat_key(job_id, unit) for unit in names])
        return {name: json.loads(value) for name, value in zip(names, values, strict=True) if value}

    def waiting(self, job_id: str) -> set[str]:
        """The units of a job that wait in the queues, not yet taken by a worker."""
        units = set()
        with self._foreign():
            for queue in (EMBED_QUEUE, REDUCE_QUEUE):
                for raw in self._redis.lrange(queue, 0, -1):
                    message = _message_of(raw)
                    if message.get("job_id") == job_id:
                        units.add(str(message.get("unit")))
        return units

    def take_back(self, job_id: str) -> set[str]:
        """Remove the shards of a job that wait in their queue: no worker takes them any more."""
        taken = set()
        with self._foreign():
            for raw in self._redis.lrange(EMBED_QUEUE, 0, -1):
                message = _message_of(raw)
                unit = str(message.get("unit"))
                ours = message.get("job_id") == job_id and is_shard(unit)
                if ours and self._redis.lrem(EMBED_QUEUE, 1, raw):  # 0: a worker was quicker
                    taken.add(unit)
        return taken

    def send_heartbeat(self, job_id: str, unit: str, state: dict[str, Any]) -> None:
        """Write the heartbeat of a unit in hand; a worker's Heartbeat calls it."""
        with self._foreign():
            self._redis.set(
                heartbeat_key(job_id, unit), json.dumps(state), ex=HEARTBEAT_EXPIRY_SECONDS
            )

    def forget_heartbeats(self, job_id: str, units: Iterable[str]) -> None:
        """Drop the last heartbeats of units that are done, or are tried anew."""
        if keys := [heartbeat_key(job_id, unit) for unit in units]:
            with self._foreign():
                self._redis.delete(*keys)

    def queue_lengths(self) -> dict[str, int]:
        """The number of messages that wait in each queue."""
        with self._foreign():
            return {queue: int(self._redis.llen(queue)) for queue in (EMBED_QUEUE, REDUCE_QUEUE)}

    def queue_states(self) -> dict[str, QueueState]:
        """The state of each queue of work."""
        with self._foreign():
            in_hand = Counter(_queue_of(raw) for raw in self._redis.hvals(UNACKED))
            return {
                queue: QueueState(
                    waiting=int(self._redis.llen(queue)),
                    in_hand=in_hand[queue],
                    oldest_seconds=_age_of(self._redis.lindex(queue, -1)),
                )
                for queue in (EMBED_QUEUE, REDUCE_QUEUE)
            }

    def worker_count(self) -> int:
        """The number of worker processes seen in the last 30 seconds."""
        with self._foreign():
            return sum(1 for _ in self._redis.scan_iter("headcount:worker:*"))

    def show_worker(self, name: str) -> None:
        """Record that a worker runs, for `doctor` and the supervisor's `no worker` hint."""
        with self._foreign():
            self._redis.set(f"headcount:worker:{name}", f"{time.time():.0f}", ex=30)


def _message_of(raw: str) -> dict[str, Any]:
    """The headcount message inside a queued Celery message; empty where it is not one of ours."""
    try:
        envelope = json.loads(raw)
        body = envelope["body"]
        if envelope.get("properties", {}).get("body_encoding") == "base64":
            body = base64.b64decode(body)
        kwargs = json.loads(body)[1]
        return dict(kwargs["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        return {}


def _queue_of(delivered: str) -> str:
    """The queue that a delivered message came from; kombu keeps (message, exchange, key)."""
    try:
        return str(json.loads(delivered)[2])
    except (ValueError, IndexError, TypeError, KeyError):
        return ""


def _age_of(raw: str | None) -> float:
    """Seconds since a queued message was sent; 0 where there is none."""
    try:
        sent = float(json.loads(raw or "{}")["headers"]["sent"])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, time.time() - sent)
